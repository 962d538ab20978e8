import type { Config, Deployment } from '../config/config.ts'
import type { Clock } from '../house.ts'
import type { Board } from '../shared/board.ts'
import { fitsAnyway } from './compaction.ts'
import { atRpm, type Prompt, reachedLimit } from './limits.ts'
import { type Left, noneInRegion, promptTooLong, rateLimited } from './select-nothing.ts'
import type { Candidate, Wish } from './wish.ts'

/** What the filters read besides the wish. */
export type FilterDesk = {
  readonly config: Config
  readonly board: Pick<Board, 'usage'>
  readonly clock: Clock
  readonly prompt: Prompt
  /** False when the provider is known to refuse the parameter. */
  readonly carries: (deployment: Deployment, parameter: 'response_format') => boolean
}

const MINUTE_MS = 60_000
/** The wait LiteLLM names when a hard rpm or tpm limit is reached. */
export const LIMIT_WAIT_MS = 60_000

/** model_info.mode against the route; a deployment that declares no mode serves any. */
export const servingRoute = ({ route, candidates }: Wish): readonly Candidate[] =>
  route.modes.length === 0
    ? candidates
    : candidates.filter(
        ({ deployment: { info } }) => info.mode === undefined || route.modes.includes(info.mode),
      )

/** Why one deployment fails a pre-call check. */
type Objection = 'rpm' | 'context_window' | 'region' | 'parameter'

const objection = (candidate: Candidate, wish: Wish, desk: FilterDesk): Objection | undefined => {
  const { deployment } = candidate
  const { config, board, prompt, carries } = desk
  const { maxInputTokens } = deployment.info
  if (maxInputTokens !== undefined && !fitsAnyway(candidate, wish.compaction) && !prompt.fits(maxInputTokens))
    return 'context_window'
  if (atRpm(deployment, board)) return 'rpm'
  if (wish.allowedRegion !== undefined && deployment.region !== wish.allowedRegion) return 'region'
  const drops = deployment.dropParams ?? config.litellm.dropParams
  if (wish.wantsResponseFormat && !drops && !carries(deployment, 'response_format')) return 'parameter'
  return undefined
}

/** enable_pre_call_checks: context window, rpm, region, supported parameters. Only for calls that have a prompt. */
export const preCallChecked = (
  candidates: readonly Candidate[],
  wish: Wish,
  desk: FilterDesk,
): Left<Candidate> => {
  const { router } = desk.config
  if (!router.enablePreCallChecks || wish.countTokens === undefined) return candidates
  const objections = candidates.map(candidate => objection(candidate, wish, desk))
  const left = candidates.filter((_, place) => objections[place] === undefined)
  if (left.length > 0 || candidates.length === 0) return left
  // A limit passes with time, so it is named before a window that never fits.
  if (objections.includes('rpm')) return rateLimited(wish, MINUTE_MS - (desk.clock.wall() % MINUTE_MS))
  const tooLong = candidates.filter((_, place) => objections[place] === 'context_window')
  if (tooLong.length === 0) return noneInRegion(wish, true, router.cooldownMs)
  const windows = tooLong.map(({ deployment: { info, litellmModel } }) => ({
    model: info.baseModel ?? litellmModel,
    limit: info.maxInputTokens ?? 0,
  }))
  return promptTooLong(windows, desk.prompt.tokens())
}

/** enforce_model_rate_limits: rpm and tpm as hard limits. */
export const withinModelLimits = (
  candidates: readonly Candidate[],
  wish: Wish,
  { config, board }: FilterDesk,
): Left<Candidate> => {
  if (!config.router.optionalPreCallChecks.has('enforce_model_rate_limits')) return candidates
  const reached = candidates.map(({ deployment }) => reachedLimit(deployment, board))
  const left = candidates.filter((_, place) => reached[place] === undefined)
  return left.length > 0 || candidates.length === 0 ? left : rateLimited(wish, LIMIT_WAIT_MS, reached[0])
}

/**
 * A limit of the minute was reached while the request waited for its turn at this deployment. The request itself is
 * counted already.
 */
export const isPastLimit = (
  { deployment }: Candidate,
  wish: Wish,
  desk: Pick<FilterDesk, 'config' | 'board'>,
) => {
  const { router } = desk.config
  const enforced = router.optionalPreCallChecks.has('enforce_model_rate_limits')
  const checked = router.enablePreCallChecks && wish.countTokens !== undefined
  const { rpm, tpm } = deployment
  if (!(enforced || checked) || (rpm === undefined && tpm === undefined)) return false
  const { requests, tokens } = desk.board.usage(deployment.id)
  return (rpm !== undefined && requests > rpm) || (enforced && tpm !== undefined && tokens >= tpm)
}

/** litellm_params.order for sorting; a deployment without one comes after all that have one, as LiteLLM does. */
export const orderOf = ({ deployment }: Candidate): number => deployment.order ?? Number.POSITIVE_INFINITY

/** The distinct orders, ascending. Deployments without an order are the last level, Infinity. */
export const orderLevels = (candidates: readonly Candidate[]): readonly number[] => {
  const [first] = candidates
  if (first !== undefined && candidates.every(one => one.deployment.order === first.deployment.order))
    return [orderOf(first)]
  return [...new Set(candidates.map(orderOf))].sort((one, other) => (one < other ? -1 : 1))
}
