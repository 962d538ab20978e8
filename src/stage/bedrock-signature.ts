import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Checks AWS Signature Version 4 from the raw request, written from the published algorithm and sharing nothing
 * with the code that signs.
 */

export type RawRequest = {
  readonly method: string
  /** The request target as it came: path and query, still percent-encoded. */
  readonly target: string
  /** Names as sent, in order, repeated ones apart. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

export type Signer = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region: string
  readonly service: string
}

export type SignatureFault = { readonly type: string; readonly message: string }

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** How far x-amz-date may be from the service's clock, in milliseconds. */
const SKEW = 5 * 60_000

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Uint8Array, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest()

/** RFC 3986: everything but letters, digits and -._~ is encoded. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** Each segment of the path as sent is encoded once more (every service but S3). */
const canonicalPath = (path: string): string => path.split('/').map(encoded).join('/') || '/'

const canonicalQuery = (query: string): string =>
  query
    .split('&')
    .filter(pair => pair !== '')
    .map(pair => {
      const at = pair.indexOf('=')
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
      return `${encoded(decodeURIComponent(name))}=${encoded(decodeURIComponent(value))}`
    })
    .sort()
    .join('&')

const valuesOf = (request: RawRequest, name: string): readonly string[] =>
  request.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)

const canonicalRequest = (request: RawRequest, names: readonly string[]): string => {
  const [path = '/', query = ''] = request.target.split(/\?(.*)/s)
  const lines = names.map(name => {
    const value = valuesOf(request, name)
      .map(each => each.trim().replace(/ +/g, ' '))
      .join(',')
    return `${name}:${value}\n`
  })
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    lines.join(''),
    names.join(';'),
    sha256(request.body),
  ].join('\n')
}

export type Scope = { readonly date: string; readonly names: readonly string[] }

/** The signature that this request should carry, in hex. `date` is x-amz-date, `names` the signed headers. */
export const expectedSignature = (request: RawRequest, signer: Signer, { date, names }: Scope): string => {
  const day = date.slice(0, 8)
  const scope = `${day}/${signer.region}/${signer.service}/aws4_request`
  const text = [ALGORITHM, date, scope, sha256(canonicalRequest(request, names))].join('\n')
  const steps = [day, signer.region, signer.service, 'aws4_request']
  const key = steps.reduce<string | Buffer>((from, step) => hmac(from, step), `AWS4${signer.secretAccessKey}`)
  return hmac(key, text).toString('hex')
}

/** `20260102T030405Z` as milliseconds since the epoch; NaN when it is no such thing. */
const timeOf = (date: string): number => {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  return parts === null
    ? Number.NaN
    : Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

const fault = (type: string, message: string): SignatureFault => ({ type, message })

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/([^,\s]+), SignedHeaders=([^,\s]+), Signature=([0-9a-f]{64})$/

/** Headers that a signature has to cover when they are there. */
const COVERED = ['host', 'x-amz-date', 'x-amz-security-token', 'content-type']

const same = (left: string, right: string): boolean =>
  left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right))

const checkDate = (date: string, scopeDay: string | undefined, now: Date): SignatureFault | undefined => {
  const time = timeOf(date)
  if (Number.isNaN(time)) return fault('IncompleteSignatureException', 'x-amz-date is missing or malformed.')
  if (scopeDay !== date.slice(0, 8))
    return fault('InvalidSignatureException', 'Date in Credential scope does not match.')
  if (Math.abs(now.getTime() - time) <= SKEW) return undefined
  return fault('InvalidSignatureException', `Signature expired: ${date} is not within 5 minutes of now.`)
}

const checkHeaders = (
  request: RawRequest,
  names: readonly string[],
  signer: Signer,
): SignatureFault | undefined => {
  const missing = COVERED.find(name => valuesOf(request, name).length > 0 && !names.includes(name))
  if (missing !== undefined)
    return fault('InvalidSignatureException', `The header '${missing}' is not signed.`)
  if (names.join() !== [...names].sort().join())
    return fault('IncompleteSignatureException', 'SignedHeaders is not sorted.')
  if (valuesOf(request, 'x-amz-security-token').join() !== (signer.sessionToken ?? '')) {
    return fault('UnrecognizedClientException', 'The security token included in the request is invalid.')
  }
  const hash = valuesOf(request, 'x-amz-content-sha256')
  if (hash.length > 0 && hash.join() !== sha256(request.body)) {
    return fault('InvalidSignatureException', 'x-amz-content-sha256 does not match the body.')
  }
  return undefined
}

/** undefined when the signature is right; otherwise the exception that the service answers with 403. */
export const checkSignature = (
  request: RawRequest,
  signer: Signer,
  now: Date,
): SignatureFault | undefined => {
  const [authorization, ...more] = valuesOf(request, 'authorization')
  if (authorization === undefined || more.length > 0) {
    return fault('MissingAuthenticationTokenException', 'Missing Authentication Token')
  }
  const [, accessKeyId, scope = '', signedHeaders = '', signature = ''] = FORM.exec(authorization) ?? []
  if (accessKeyId === undefined) {
    return fault(
      'IncompleteSignatureException',
      'The Authorization header is not of the AWS4-HMAC-SHA256 form.',
    )
  }
  if (accessKeyId !== signer.accessKeyId) {
    return fault('UnrecognizedClientException', 'The security token included in the request is invalid.')
  }
  const [day, ...place] = scope.split('/')
  if (place.join('/') !== `${signer.region}/${signer.service}/aws4_request`) {
    return fault(
      'InvalidSignatureException',
      `Credential should be scoped to ${signer.region}/${signer.service}.`,
    )
  }
  const date = valuesOf(request, 'x-amz-date').join()
  const names = signedHeaders.split(';')
  const wrong = checkDate(date, day, now) ?? checkHeaders(request, names, signer)
  if (wrong !== undefined) return wrong
  if (same(expectedSignature(request, signer, { date, names }), signature)) return undefined
  return fault(
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided.',
  )
}
