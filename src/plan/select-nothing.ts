import type { Choice, Wish } from './wish.ts'

/**
 * Why nothing could be picked, in LiteLLM's words (behaviour of RouterRateLimitError, RouterRateLimitErrorBasic,
 * BadRequestError, ContextWindowExceededError and the tag router), without the `litellm.<Class>` prefix.
 */
export type Nothing = Extract<Choice, { kind: 'nothing' }>

/** A filter's answer: those that are left, never none of them, or why none is left. */
export type Left<T> = readonly T[] | Nothing

export const isNothing = <T>(left: Left<T>): left is Nothing => !Array.isArray(left)

/** A list of strings as LiteLLM's messages print it. */
const listed = (values: readonly string[]): string => {
  const quoted = values.map(value =>
    value.includes("'") && !value.includes('"') ? `"${value}"` : `'${value.replaceAll("'", "\\'")}'`,
  )
  return `[${quoted.join(', ')}]`
}

const nothing = (
  reason: Nothing['reason'],
  status: number,
  message: string,
  retryAfterMs: number | undefined = undefined,
): Nothing => ({ kind: 'nothing', reason, message, status, retryAfterMs })

/** The name is known, but none of its deployments may serve. */
export const noneHealthy = ({ group }: Wish, why = ''): Nothing =>
  nothing(
    'unknown',
    400,
    `You passed in model=${group}. There are no healthy deployments for this model${why === '' ? '' : `: ${why}`}`,
  )

export const noneForMode = (wish: Wish): Nothing =>
  noneHealthy(
    wish,
    `none has a model_info.mode that serves ${wish.route.name} (${wish.route.modes.join(', ')})`,
  )

type Rest = {
  readonly preCallChecks: boolean
  /** Ids that are cooling down, of this group only. */
  readonly coolingIds: readonly string[]
  /** All candidates are in cooldown. */
  readonly all: boolean
  readonly retryAfterMs: number | undefined
}

const noneAvailable = ({ group }: Wish, seconds: number, rest: Rest): string =>
  [
    `No deployments available for selected model, Try again in ${seconds} seconds.`,
    rest.all ? ' All deployments for selected model are in cooldown.' : '',
    ` Passed model=${group}. pre-call-checks=${rest.preCallChecks ? 'True' : 'False'}, `,
    `cooldown_list=${listed(rest.coolingIds)}`,
  ].join('')

export const allCooling = (wish: Wish, rest: Rest): Nothing =>
  nothing(
    'cooling',
    429,
    noneAvailable(wish, Math.ceil((rest.retryAfterMs ?? 0) / 1000), rest),
    rest.retryAfterMs,
  )

/** `cooldownMs` is only named in the text, as LiteLLM does: waiting does not change a region. */
export const noneInRegion = (wish: Wish, preCallChecks: boolean, cooldownMs: number): Nothing =>
  nothing(
    'region',
    429,
    noneAvailable(wish, Math.ceil(cooldownMs / 1000), {
      preCallChecks,
      coolingIds: [],
      all: false,
      retryAfterMs: undefined,
    }),
  )

const basic = ({ group }: Wish) => `No deployments available for selected model. Passed model=${group}`

export const rateLimited = (wish: Wish, retryAfterMs: number, message = basic(wish)): Nothing =>
  nothing('rate_limited', 429, message, retryAfterMs)

/** Nobody had a free parallel slot for as long as it was worth waiting for one. */
export const allBusy = (wish: Wish): Nothing =>
  nothing('rate_limited', 429, `${basic(wish)}. All parallel slots are taken.`)

/** Whoever leaves a line leaves within moments, and others come: when there is room nobody knows. */
const LINE_WAIT_MS = 1_000

/** Nobody has a free parallel slot, and no more may stand in line for one. */
export const lineFull = (named: string): Nothing =>
  nothing(
    'rate_limited',
    503,
    `All parallel slots of model=${named} are taken, and as many requests as may wait for one are waiting. Try again in 1 second.`,
    LINE_WAIT_MS,
  )

export const exhausted = (wish: Wish): Nothing => nothing('exhausted', 429, basic(wish))

export const promptTooLong = (
  windows: readonly { model: string; limit: number }[],
  tokens: number,
): Nothing =>
  nothing(
    'context_window',
    400,
    [
      'litellm._pre_call_checks: Context Window exceeded for given call.',
      ' No models have context window large enough for this call.',
      ...windows.map(({ model, limit }) => `\nModel=${model}, Max Input Tokens=${limit}, Got=${tokens}`),
    ].join(''),
  )

export const tagsForbid = ({ group, tags }: Wish): Nothing =>
  nothing(
    'tags',
    401,
    `Not allowed to access model due to tags configuration. Passed model=${group} and tags=${listed(tags)}`,
  )

/** `cooling` is the owner's rest; undefined: the owner is not configured any more, or not for this model. */
export const ownerUnavailable = (
  { group, pin }: Wish,
  cooling: { readonly status: number; readonly retryAfterMs: number } | undefined,
): Nothing => {
  const state = pin?.because ?? 'state'
  if (cooling === undefined) {
    return nothing(
      'pinned_owner_unavailable',
      400,
      `The ${state} of this request belongs to a deployment that does not serve model=${group} any more, and no other can read it.`,
    )
  }
  const { status, retryAfterMs } = cooling
  return nothing(
    'pinned_owner_unavailable',
    status === 429 ? 429 : 503,
    `The ${state} of this request belongs to a deployment of model=${group} that is cooling down, and no other can read it. Try again in ${Math.ceil(retryAfterMs / 1000)} seconds.`,
    retryAfterMs,
  )
}
