import type { Config, Deployment } from '../config/config.ts'
import { BOUND_STATE, type BoundKind, type Reference, referencesIn } from '../dialects/bound-state.ts'
import { Refusal } from '../failure.ts'
import type { ShapeName } from '../routes.ts'
import type { Board } from '../shared/board.ts'
import type { Origins } from '../shared/origins.ts'
import { printPath } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { keptAs } from '../wire/items.ts'
import { isObject, type Json } from '../wire/json.ts'
import { hasSeveralBoundaries } from './encrypted.ts'
import type { Pin } from './wish.ts'

/** Ids of a request that one account knows: files, stores, containers, prompts. They come as the provider made them. */

const NONE: readonly Reference[] = []

/** None where there is only one account: whoever is asked is its owner. */
export const readReferences = (index: JsonIndex, config: Config, shape: ShapeName): readonly Reference[] =>
  hasSeveralBoundaries(config) ? referencesIn(index, shape) : NONE

export type Keeping = {
  /** The account that keeps what the call names; undefined: it names nothing whose keeper is known. */
  readonly pin: Pin | undefined
  /** It names something, and nobody saw who keeps it. */
  readonly unowned: boolean
}

const isThere = (config: Config, boundary: string): boolean =>
  config.deployments.some(one => one.boundary === boundary)

/** By what this process has seen being made or used. Throws Refusal for ids of two accounts. */
export const keeperOf = (
  references: readonly Reference[],
  config: Config,
  { origins }: { readonly origins: Pick<Origins, 'of'> },
): Keeping => {
  let pin: Pin | undefined
  let unowned = false
  for (const { path, id } of references) {
    const made = origins.of(keptAs(id))
    if (made?.boundary === undefined || made.deploymentId === undefined || !isThere(config, made.boundary)) {
      unowned = true
      continue
    }
    const because = printPath(path)
    if (pin !== undefined && pin.boundary !== made.boundary)
      throw new Refusal(
        400,
        `'${because}' and '${pin.because}' belong to two different providers; one call cannot use both.`,
        { type: 'invalid_request_error', param: because },
      )
    pin ??= { deploymentId: made.deploymentId, boundary: made.boundary, because }
  }
  return { pin, unowned }
}

type Maker = Pick<Deployment, 'id' | 'boundary'>

/** Whoever has answered a call with these ids keeps what they name; what is in use is not forgotten. */
export const rememberUsed = (
  references: readonly Reference[],
  { id, boundary }: Maker,
  { origins }: Pick<Board, 'origins'>,
): void => {
  for (const reference of references) {
    const key = keptAs(reference.id)
    const known = origins.of(key)
    const maker = known?.boundary === boundary ? known.deploymentId : undefined
    origins.made(key, { id: maker ?? id, boundary })
  }
}

/** Whoever has made an object keeps it. */
export const rememberMade = (
  index: JsonIndex,
  { id, boundary }: Maker,
  { origins }: Pick<Board, 'origins'>,
): void => {
  const made = valueAt(index, 'id')
  if (typeof made === 'string' && made !== '') origins.made(keptAs(made), { id, boundary })
}

const containersIn = (value: Json | undefined): readonly string[] =>
  (Array.isArray(value) ? (value as readonly Json[]) : [value ?? null]).flatMap(item =>
    isObject(item) && typeof item.container_id === 'string' ? [item.container_id] : [],
  )

/** Whoever runs code keeps its container: in a whole answer, or the event in which one of its items is done. */
export const rememberContainers = (
  index: JsonIndex,
  { id, boundary }: Maker,
  { origins }: Pick<Board, 'origins'>,
): void => {
  if (!Buffer.from(index.bytes.buffer, index.bytes.byteOffset, index.bytes.length).includes('"container_id"'))
    return
  for (const key of ['output', 'item'])
    for (const container of containersIn(valueAt(index, key)))
      origins.made(keptAs(container), { id, boundary })
}

const COMPACTION = BOUND_STATE.find(kind => kind.name === 'a compaction')
const ITEM = BOUND_STATE.find(kind => kind.name === 'a referenced item')

/** What binds a call, by the word of its pin; undefined: it is told in words of its own. */
export const bindingOf = (
  pin: Pin | undefined,
  references: readonly Reference[],
): { readonly field: string; readonly kind: BoundKind } | undefined => {
  if (pin?.because === 'encrypted_content' && COMPACTION !== undefined)
    return { field: 'input', kind: COMPACTION }
  if (pin?.because === 'item_reference' && ITEM !== undefined) return { field: 'input', kind: ITEM }
  const reference =
    pin === undefined ? references[0] : references.find(({ path }) => printPath(path) === pin.because)
  return reference === undefined ? undefined : { field: printPath(reference.path), kind: reference.kind }
}

/** Why nobody else was asked, and what can be done about it. */
export const bindingText = (field: string, { name, mend }: BoundKind): string =>
  `'${field}' names ${name} that only one provider account can read${mend === undefined ? '' : `: ${mend}, and others can serve the call`}.`
