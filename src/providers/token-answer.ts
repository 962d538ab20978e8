import { Secret } from '../config/secret.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { fitsHeader } from './credential.ts'
import { CredentialFault, type Fetched, type TokenAnswer, type TokenRequest, type Tools } from './recipe.ts'

/** Reads what token services answer. What they say of a failure goes to the log, a word of it to the client. */

const parsed = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** An error's name, when it is one: `invalid_grant`, `AccessDenied`. */
const word = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_.-]{1,60}$/.test(value) ? value : undefined

/** RFC 6749 has `error` and `error_description`; others put an object there. */
const refusal = ({ status, text }: TokenAnswer, where: string): CredentialFault => {
  const body = parsed(text)
  const error = isObject(body) ? body.error : undefined
  const named = isObject(error) ? word(error.status) : word(error)
  // AADSTS7000215 tells more than invalid_client.
  const number = isObject(body)
    ? /\bAADSTS\d{4,9}\b/.exec(String(body.error_description ?? ''))?.[0]
    : undefined
  const reason = [`${status}`, named, number].filter(piece => piece !== undefined).join(' ')
  return new CredentialFault(reason, { detail: text.slice(0, 2_000), where })
}

/** One request to a token service, and its answer as an object. */
export const askForObject = async (tools: Tools, request: TokenRequest): Promise<JsonObject> => {
  const answer = await tools.exchange(request)
  const where = request.url.split('?')[0] ?? ''
  if (answer.status < 200 || answer.status > 299) throw refusal(answer, where)
  const body = parsed(answer.text)
  if (!isObject(body)) throw new CredentialFault('the answer is not JSON', { where })
  return body
}

/** A string member, or a fault that names it. */
export const textOf = (object: JsonObject, name: string): string => {
  const value = object[name]
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new CredentialFault(`the answer has no ${name}`)
}

/** Milliseconds that a token lives, from `expires_in`, or from `expires_on` (seconds since the epoch). */
const lifeOf = (body: JsonObject, tools: Tools): number | undefined => {
  const seconds = Number(body.expires_in ?? Number.NaN)
  if (Number.isFinite(seconds)) return seconds * 1000
  const until = Number(body.expires_on ?? Number.NaN)
  return Number.isFinite(until) ? until * 1000 - tools.wall() : undefined
}

/** Without a word about its end, a token is taken to live this long. */
const UNSAID_MS = 5 * 60_000

export const bearerToken = (token: string, livesMs: number | undefined): Fetched => {
  const value = token.trim()
  // A token becomes a header: what no header can carry is none.
  if (!fitsHeader(value)) throw new CredentialFault('the token holds characters that no header can carry')
  return { held: { kind: 'bearer', token: new Secret(value) }, livesMs: livesMs ?? UNSAID_MS }
}

/** An OAuth 2.0 token answer (RFC 6749 section 5.1) as a bearer token. */
export const askForToken = async (tools: Tools, request: TokenRequest): Promise<Fetched> => {
  const body = await askForObject(tools, request)
  return bearerToken(textOf(body, 'access_token'), lifeOf(body, tools))
}
