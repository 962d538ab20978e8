import type { FallbackTable, FallbackTarget } from '../config/config.ts'
import type { ErrorBody } from '../dialects/shape.ts'
import type { ExceptionName, Failure, FailureClass } from '../failure.ts'
import type { Json } from '../wire/json.ts'
import { pythonRepr } from './python-repr.ts'

export { pythonRepr } from './python-repr.ts'

/**
 * LiteLLM's texts, so that what people match on keeps working. Source: behaviour map 3.5, 3.6 and 7.3, in their
 * newest form.
 */
export type DecorateOptions = {
  /** The group's own failure, `litellm.…Error: …`. */
  readonly message: string
  readonly exception: ExceptionName
  /** The group as the client or the fallback entry named it. */
  readonly group: string
  /** Which list applied, what it holds for this group, and the whole of it. */
  readonly following: {
    readonly kind: 'generic' | 'context_window' | 'content_policy' | 'request' | 'none'
    readonly targets: readonly FallbackTarget[] | undefined
    readonly table: FallbackTable | undefined
  }
  /** The text of the last fallback that was tried; undefined when none was. */
  readonly nested: string | undefined
  /** This text goes inside another: it says only that its own group has no entry. */
  readonly nestedOnly: boolean
  /** litellm_settings.expose_router_debug_in_errors. */
  readonly exposeDebug: boolean
  /** The general list as configured. Without this member nothing is said about typed lists that are missing. */
  readonly general?: FallbackTable | undefined
}

/** Only names are shown: what a dict fallback overrides may be a key or a prompt. */
const shownTarget = (target: FallbackTarget): Json =>
  Object.keys(target.overrides).length === 0 ? target.group : { model: target.group }

const shownTargets = (targets: readonly FallbackTarget[] | undefined): string =>
  targets === undefined ? 'None' : pythonRepr(targets.map(shownTarget))

const shownTable = (table: FallbackTable | undefined): string =>
  table === undefined
    ? 'None'
    : pythonRepr([...table].map(([group, targets]) => ({ [group]: targets.map(shownTarget) })))

const documentation = 'https://docs.litellm.ai/docs/routing#fallbacks'

/** Part 2: a typed failure had to do without a list of its own. LiteLLM names the two settings in two ways. */
const missingTypedList = (options: DecorateOptions): string => {
  const { exception, following, group, general } = options
  if (!('general' in options)) return ''
  const withoutOwn =
    following.kind === 'none' || (following.kind !== 'request' && following.table === general)
  if (!withoutOwn) return ''
  const lists =
    exception === 'ContextWindowExceededError'
      ? (['context_window_fallbacks', 'context_window_fallback'] as const)
      : exception === 'ContentPolicyViolationError'
        ? (['content_policy_fallback', 'content_policy_fallback'] as const)
        : undefined
  if (lists === undefined) return ''
  const [shown, setting] = lists
  return `\nmodel=${group}. ${shown}=None. fallbacks=${shownTable(general)}.\n\nSet '${setting}' - ${documentation}`
}

/** Part 1: a general list is configured and has no entry for the group. */
const noEntry = ({ following, group, general }: DecorateOptions): string => {
  const { kind, table, targets } = following
  const isGeneral = kind === 'generic' || (general !== undefined && table === general)
  return isGeneral && table !== undefined && targets === undefined
    ? `No fallback model group found for original model_group=${group}. Fallbacks=${shownTable(table)}`
    : ''
}

/**
 * The message a client gets when the way has ended: the first group's failure and what became of its fallbacks.
 * A failure that was not allowed to fall back at all is told as it is.
 */
export const decorate = (options: DecorateOptions): string => {
  const { message, following, group } = options
  if (!options.exposeDebug) return message
  const hint = missingTypedList(options)
  if (following.kind === 'none' && hint === '') return message
  const own = `${message}${hint}${noEntry(options)}`
  if (options.nestedOnly) return own
  const available = `. Received Model Group=${group}\nAvailable Model Group Fallbacks=${shownTargets(following.targets)}`
  // Looking for an entry and finding none is a fallback step too, and its error is this one.
  const stepped = following.table !== undefined || following.targets !== undefined
  const step = stepped ? `\nError doing the fallback: ${options.nested ?? own}` : ''
  return own + available + step
}

/** The error object on the wire: the status as a string unless the provider's own word is one clients act on. */
export const errorBody = (failure: Failure, message: string): ErrorBody => ({
  message,
  type: failure.type,
  param: failure.param,
  code: failure.code ?? String(failure.status),
  ...(failure.detail === undefined ? {} : { provider_specific_fields: { innererror: failure.detail } }),
})

export type MockKind = 'fallbacks' | 'context' | 'content_policy' | 'rate_limit'

type Mocked = {
  readonly class: FailureClass
  readonly status: number
  readonly exception: ExceptionName
  readonly code: string | null
}

const mocked: Readonly<Record<MockKind, Mocked>> = {
  fallbacks: { class: 'transient', status: 500, exception: 'InternalServerError', code: null },
  context: {
    class: 'context_window',
    status: 400,
    exception: 'ContextWindowExceededError',
    code: 'context_length_exceeded',
  },
  content_policy: {
    class: 'content_policy',
    status: 400,
    exception: 'ContentPolicyViolationError',
    code: null,
  },
  rate_limit: { class: 'rate_limit', status: 429, exception: 'RateLimitError', code: null },
}

/** The fallback lists of the router settings. */
export type FallbackLists = {
  readonly fallbacks: FallbackTable | undefined
  readonly contextWindowFallbacks: FallbackTable | undefined
  readonly contentPolicyFallbacks: FallbackTable | undefined
}

/** What a mock_testing_* failure says, without the class name before it. */
export const mockExceptionText = (kind: MockKind, group: string, lists: FallbackLists): string => {
  const start = `This is a mock exception for model=${group}, to trigger a`
  switch (kind) {
    case 'rate_limit':
      return `${start} rate limit error.`
    case 'context':
      return `${start} fallback. Context_Window_Fallbacks=${shownTable(lists.contextWindowFallbacks)}`
    case 'content_policy':
      return `${start} fallback. Context_Policy_Fallbacks=${shownTable(lists.contentPolicyFallbacks)}`
    case 'fallbacks':
      return `${start} fallback. Fallbacks=${shownTable(lists.fallbacks)}`
  }
}

/** The failure that a mock_testing_* switch makes of the first group. No deployment is to blame for it. */
export const mockException = (kind: MockKind, group: string, lists: FallbackLists): Failure => {
  const { class: failureClass, status, exception, code } = mocked[kind]
  return {
    class: failureClass,
    status,
    exception,
    message: `litellm.${exception}: ${mockExceptionText(kind, group, lists)}`,
    type: kind === 'context' ? 'invalid_request_error' : status === 429 ? 'throttling_error' : null,
    param: null,
    code,
    retryAfterMs: undefined,
    detail: undefined,
    possiblyBilled: false,
  }
}
