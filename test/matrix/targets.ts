import type { JsonObject } from '../../src/wire/json.ts'
import { type Kind, kindNamed } from './kinds.ts'
import type { Row } from './rows.ts'

/**
 * Who may answer when the first deployment does not. again: itself, once more. sibling: another deployment of its group.
 * group: another group. dialect: another group, in another dialect. none: all of these are there, and all fail alike.
 */
export type Target = 'again' | 'sibling' | 'group' | 'dialect' | 'none'

export const TARGETS: readonly Target[] = ['again', 'sibling', 'group', 'dialect', 'none']

/** The group that clients ask for. */
export const LEAD = 'lead'
/** The deployment of it that is asked first. */
export const FIRST = 'lead-1'
const SAME_MODEL = 'matrix-model'
/** Where a deployment is, by its id. */
export type Address = (id: string) => { readonly origin: string; readonly key: string }

/** One deployment: its id, its group, its kind, and whether it has the model that was asked for. */
export type Player = {
  readonly id: string
  readonly group: string
  readonly kind: Kind
  readonly sameModel: boolean
  /** What it says that it holds, in tokens. */
  readonly window?: number
}

const player = (
  id: string,
  group: string,
  kind: string,
  more: { readonly sameModel?: true; readonly window?: number } = {},
): Player => ({ id, group, kind: kindNamed(kind), ...more, sameModel: more.sameModel === true })

const same = { sameModel: true } as const

/**
 * Each list of fallbacks leads to a group of its own, so that it shows which one was followed. First comes another
 * model, then one deployment of the same: vectors may go to the second only.
 */
const LISTS = {
  generic: ['backup', 'backup-twin'],
  context_window: ['wide', 'wide-twin'],
  content_policy: ['mild', 'mild-twin'],
} as const

export type ListName = keyof typeof LISTS

/** Dialects that one vendor's own endpoints speak: their other groups speak it, too. */
const hasOwn = (flavour: Row['flavour']): boolean => flavour === 'anthropic' || flavour === 'gemini'

const elsewhere = ({ flavour }: Row): readonly Player[] => {
  const [others, twins] = hasOwn(flavour) ? ([flavour, flavour] as const) : (['azure', 'openai'] as const)
  return Object.values(LISTS).flatMap(([other, twin]) => [
    player(other, other, others),
    player(twin, twin, twins, same),
  ])
}

/** The deployment of another dialect, and its group. */
export const FOREIGN = 'foreign'
const foreign = ({ flavour, pair }: Row): Player =>
  player(FOREIGN, FOREIGN, pair?.backup ?? (hasOwn(flavour) ? 'openai' : 'bedrock'))

/** Every deployment that takes part. */
export const playersFor = (target: Target, row: Row): readonly Player[] => {
  const lead = player(FIRST, LEAD, row.pair?.first ?? row.flavour, same)
  if (row.pair !== undefined) return [lead, foreign(row)]
  const sibling = player('lead-2', LEAD, row.flavour, same)
  if (target === 'again') return [lead]
  // Larger than any prompt that a fault finds too long.
  if (target === 'sibling') return [lead, { ...sibling, window: 10_000_000 }]
  if (target === 'group') return [lead, ...elsewhere(row)]
  return target === 'dialect' ? [lead, foreign(row)] : [lead, sibling, ...elsewhere(row)]
}

/** The groups that a list names, in order. */
export const listed = (target: Target, list: ListName, { pair }: Row): readonly string[] => {
  if (target === 'dialect' || pair !== undefined) return [FOREIGN]
  return target === 'group' || target === 'none' ? LISTS[list] : []
}

/** Attempts after the first in each group. A target of another group gets its turn at once. */
export const retriesOf = (target: Target, { pair }: Row): number =>
  target === 'group' || target === 'dialect' || pair !== undefined ? 0 : 1

/** Which deployments another group may have for this row: the table's own rule. */
export const mayCross = (row: Row, { sameModel }: Player): boolean => {
  if (row.route.crossing === 'never') return false
  return row.route.crossing === 'groups' || sameModel
}

/** A word of the refusal that this deployment has for the row by design; undefined: it takes it. */
export const refusalOf = ({ pair }: Row, { kind }: Player): string | undefined =>
  pair?.source.refusedBy?.[kind.name]

/** The provider's own name of the model. */
const modelFor = (row: Row, { kind, sameModel }: Player, model: string): string => {
  if (row.pair !== undefined || kind.speaks === 'bedrock') return kind.model
  return sameModel ? model : `prod-${model}`
}

const entryFor = (row: Row, one: Player, { model, address }: Setting): JsonObject => {
  const { id, group, kind, sameModel, window } = one
  const { origin, key } = address(id)
  return {
    model_name: group,
    litellm_params: {
      model: `${kind.prefix}/${modelFor(row, one, model)}`,
      api_base: `${origin}${kind.base}`,
      api_key: key,
      ...kind.params,
      // What the other dialect has no place for is left out instead of refused.
      ...((id === FOREIGN || row.pair !== undefined) && row.pair?.source.strict !== true
        ? { drop_params: true }
        : {}),
    },
    model_info: {
      id,
      base_model: sameModel ? SAME_MODEL : `other-than-${SAME_MODEL}`,
      ...kind.info,
      ...(window === undefined ? {} : { max_input_tokens: window }),
    },
  }
}

export type Setting = {
  /** The provider's own name of what the row needs. */
  readonly model: string
  readonly address: Address
  /** Until a silent provider is given up; longer than any healthy one takes. */
  readonly timeoutSeconds: number
  /** Nobody stands in. */
  readonly alone?: true
}

/** The gateway's file for a target. */
export const configFor = (target: Target, row: Row, setting: Setting): JsonObject => {
  const { timeoutSeconds, alone } = setting
  const list = (name: ListName): JsonObject => ({ [LEAD]: [...listed(target, name, row)] })
  const lists =
    alone === true || listed(target, 'generic', row).length === 0
      ? {}
      : {
          fallbacks: [list('generic')],
          context_window_fallbacks: [list('context_window')],
          content_policy_fallbacks: [list('content_policy')],
        }
  return {
    model_list: playersFor(target, row).map(one => entryFor(row, one, setting)),
    router_settings: {
      num_retries: retriesOf(target, row),
      timeout: timeoutSeconds,
      // Verdicts decide here, not whether a wait is worth its time.
      max_retry_wait_with_fallback: 2 * timeoutSeconds,
      ...lists,
    },
  }
}
