import { readFile } from 'node:fs/promises'
import { collect } from '../attempt/collect.ts'
import { plainAnswer } from '../attempt/decode.ts'
import { type Transport, TransportFault } from '../attempt/transport.ts'
import type { Clock } from '../house.ts'
import type { Draft, HeaderPair } from '../providers/provider.ts'
import { CredentialFault, type TokenAnswer, type TokenRequest, type Tools } from '../providers/recipe.ts'
import type { Signal } from '../signal.ts'
import { aside } from './aside.ts'

/** Limits of one token request; a metadata server is near, a token service answers within a second. */
const CONNECT_MS = 5_000
const ANSWER_MS = 15_000
const MOST_BYTES = 256 * 1024

export type ToolOptions = {
  readonly clock: Clock
  readonly transport: Transport
  /** Aborts when nobody wants the credential any more, or when its time is over. */
  readonly signal: Signal
}

const draftOf = ({ method, url, form, json, headers }: TokenRequest): [Draft, readonly HeaderPair[]] => {
  const target = URL.parse(url)
  if (target === null || !/^https?:$/.test(target.protocol))
    throw new CredentialFault('no http address', { where: url.split('?')[0] ?? '' })
  const plain = json === undefined ? undefined : JSON.stringify(json)
  const body = form === undefined ? plain : new URLSearchParams(form).toString()
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const pairs: HeaderPair[] = [
    ['accept', 'application/json'],
    ['accept-encoding', 'identity'],
    ...(body === undefined ? [] : [['content-type', type] as const]),
    ...Object.entries(headers ?? {}),
  ]
  const draft: Draft = {
    method,
    origin: target.origin,
    path: `${target.pathname}${target.search}`,
    headers: pairs,
    body: body === undefined ? [] : [new TextEncoder().encode(body)],
    edits: [],
    warnings: [],
  }
  return [draft, pairs]
}

const REASONS: Readonly<Partial<Record<TransportFault['kind'], string>>> = {
  connect_timeout: 'no connection in time',
  headers_timeout: 'no answer in time',
  refused: 'connection refused',
  dns: 'no such host',
  aborted: 'given up',
}

/** One token request over the house's transport. Follows no redirect. */
const exchange =
  ({ clock, transport, signal }: ToolOptions): Tools['exchange'] =>
  async (request): Promise<TokenAnswer> => {
    const [draft, headers] = draftOf(request)
    const where = draft.origin + draft.path.split('?')[0]
    try {
      const limits = { connectMs: CONNECT_MS, headersMs: ANSWER_MS }
      const answer = plainAnswer(await transport.send(draft, headers, limits, signal))
      const got = await collect(answer, { clock, maxBytes: MOST_BYTES, totalMs: ANSWER_MS })
      if (got.kind === 'fault') throw got.fault
      if (got.kind !== 'whole')
        throw new CredentialFault(got.kind === 'timeout' ? 'no answer in time' : 'too large an answer', {
          where,
        })
      return { status: answer.status, headers: answer.headers, text: new TextDecoder().decode(got.bytes) }
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error
      throw new CredentialFault(REASONS[error.kind] ?? `connection failed: ${error.kind}`, { where })
    }
  }

const read: Tools['readFile'] = async path => {
  try {
    const bytes = await readFile(path)
    if (bytes.length > MOST_BYTES) throw new CredentialFault('too large a file', { where: path })
    return bytes.toString('utf8')
  } catch (error) {
    if (error instanceof CredentialFault) throw error
    const code = (error as { readonly code?: unknown }).code
    throw new CredentialFault(code === 'ENOENT' ? 'no such file' : 'the file cannot be read', {
      where: path,
      detail: typeof code === 'string' ? code : '',
    })
  }
}

/** What one fetch may use. */
export const makeTools = (options: ToolOptions): Tools => ({
  wall: options.clock.wall,
  exchange: exchange(options),
  readFile: read,
  aside: (program, order) => aside(program, order, options.signal),
})
