import type { Caller } from '../authenticate/caller.ts'
import type { Config } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import type { Pin } from '../plan/wish.ts'
import type { Seal } from '../seal.ts'
import type { Edit } from '../wire/edit.ts'
import { isObject, type Json } from '../wire/json.ts'

/** An id of the request, opened: what the provider knows it as, and who must serve the call. */
export type Opened = { readonly upstreamId: string; readonly pin: Pin | undefined }

export type Opener = {
  readonly seal: Seal
  readonly config: Config
  readonly caller: Caller
}

const FORBIDDEN =
  'Forbidden. The response id is not associated with the user, who this key belongs to. To disable this security feature, set general_settings::disable_responses_id_security to True in the config.yaml file.'

const notFound = (id: string, param: string): Refusal =>
  param === 'previous_response_id'
    ? new Refusal(400, `Previous response with id '${id}' not found.`, {
        type: 'invalid_request_error',
        param,
        code: 'previous_response_not_found',
      })
    : new Refusal(404, `'${id}' not found: the deployment that owns it is not configured any more.`, {
        type: 'invalid_request_error',
        param,
        code: 'not_found',
      })

/**
 * Opens one id. Another owner's id is 403 with LiteLLM's text. An id this gateway did not make is refused too,
 * except from an admin key or with allow_unmanaged_response_ids: then it goes on as it is, without a pin.
 */
export const openId = (id: string, param: string, opener: Opener): Opened => {
  const { seal, config, caller } = opener
  const opened = seal.open(id, caller.owner, config)
  if (opened.kind === 'gone') throw notFound(id, param)
  if (opened.kind === 'foreign') {
    const open =
      caller.admin || config.general.allowUnmanagedResponseIds || config.general.disableResponsesIdSecurity
    if (!open) throw new Refusal(403, FORBIDDEN, { type: 'permission_denied', param, code: '403' })
    return { upstreamId: id, pin: undefined }
  }
  const { bound } = opened
  if (!bound.mine && !config.general.disableResponsesIdSecurity)
    throw new Refusal(403, FORBIDDEN, { type: 'permission_denied', param, code: '403' })
  return {
    upstreamId: bound.upstreamId,
    pin: { deploymentId: bound.deployment.id, boundary: bound.deployment.boundary, because: param },
  }
}

/** A place in the body that means something to one account, and can be left out for any other. */
export type Aside = { readonly path: readonly string[]; readonly boundary: string }

/** What a request refers to, opened. */
export type References = {
  readonly edits: readonly Edit[]
  readonly pin: Pin | undefined
  /** Provider's id → the client's: an answer that repeats it repeats what the client sent. */
  readonly echoes: ReadonlyMap<string, string>
  /** An id was passed on that this gateway did not make: who holds it is not known. */
  readonly unowned: boolean
  readonly asides: readonly Aside[]
}

export const NO_REFERENCES: References = {
  edits: [],
  pin: undefined,
  echoes: new Map(),
  unowned: false,
  asides: [],
}

const COMPARISON = ['prompt_cache_options', 'comparison_response_id'] as const

/**
 * A response that the provider compares its cache with: opened for its maker, left out for everybody else. Nobody is
 * refused for it, and one that is not the caller's is nobody's.
 */
const openComparison = (
  options: Json | undefined,
  { seal, config, caller }: Opener,
): Pick<References, 'edits' | 'asides'> | undefined => {
  const id = isObject(options) ? options.comparison_response_id : undefined
  if (typeof id !== 'string' || id === '') return undefined
  const opened = seal.open(id, caller.owner, config)
  if (opened.kind === 'foreign') return undefined
  if (opened.kind === 'gone' || !opened.bound.mine)
    return { edits: [{ op: 'drop', path: COMPARISON, why: 'foreign-id' }], asides: [] }
  const { upstreamId, deployment } = opened.bound
  return {
    edits: [{ op: 'set', path: COMPARISON, value: upstreamId, why: 'sealed-id' }],
    asides: [{ path: COMPARISON, boundary: deployment.boundary }],
  }
}

/** previous_response_id and conversation of a body: hard affinity, opened by the named edit `sealed-id`. */
export const openBody = (peek: (key: string) => Json | undefined, opener: Opener): References => {
  const edits: Edit[] = []
  const echoes = new Map<string, string>()
  let pin: Pin | undefined
  let unowned = false
  const open = (id: string, param: string, path: readonly string[]): void => {
    const opened = openId(id, param, opener)
    echoes.set(opened.upstreamId, id)
    if (opened.upstreamId !== id) edits.push({ op: 'set', path, value: opened.upstreamId, why: 'sealed-id' })
    if (opened.pin === undefined) {
      unowned = true
      return
    }
    if (pin !== undefined && pin.boundary !== opened.pin.boundary)
      throw new Refusal(
        400,
        `'${param}' and '${pin.because}' belong to two different providers; one call cannot use both.`,
        {
          type: 'invalid_request_error',
          param,
        },
      )
    pin ??= opened.pin
  }
  const previous = peek('previous_response_id')
  if (typeof previous === 'string' && previous !== '')
    open(previous, 'previous_response_id', ['previous_response_id'])
  const conversation = peek('conversation')
  if (typeof conversation === 'string' && conversation !== '')
    open(conversation, 'conversation', ['conversation'])
  else if (isObject(conversation) && typeof conversation.id === 'string')
    open(conversation.id, 'conversation', ['conversation', 'id'])
  const comparison = openComparison(peek('prompt_cache_options'), opener)
  if (comparison !== undefined) edits.push(...comparison.edits)
  return { edits, pin, echoes, unowned, asides: comparison?.asides ?? NO_REFERENCES.asides }
}
