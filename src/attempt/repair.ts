import { type Amendment, placeOf, typeOf } from '../dialects/amendment.ts'
import { limitEdits, type SaidLimit } from '../dialects/answer-limit.ts'
import { type CallIdForm, callIdEdits } from '../dialects/call-id-edits.ts'
import { type Complaint, complaintOf } from '../dialects/complaint.ts'
import { meaningOf } from '../dialects/meaning.ts'
import { publishes } from '../dialects/parameters.ts'
import { unsignedEdits } from '../dialects/signatures.ts'
import { formEdits, type ThinkingForm } from '../dialects/thinking-form.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Lesson } from '../shared/lessons.ts'
import { joinSegments, printPath } from '../wire/edit.ts'
import { indexObject, type JsonIndex } from '../wire/index.ts'
import { boundItems, itemsIn, writtenAt } from '../wire/items.ts'
import type { Json } from '../wire/json.ts'
import type { Play } from './level.ts'
import type { Failed } from './outcome.ts'

/**
 * Repairs: a provider refuses a request and names something that it can do without, and the hop is made once more
 * without it, at the same deployment. What helped is remembered, so that the next request need not be refused first.
 */

/** One change for one repeat. */
type Repair = {
  /** What it is called, in the trail and for telling repairs apart: none is made twice. */
  readonly name: string
  readonly amendment: Amendment
  /** undefined: it is about this request alone. */
  readonly lesson: Lesson | undefined
  /** By which the makers of what went with it are remembered. */
  readonly seals?: readonly string[]
}

/** What one deployment has made of one request. */
export type Repairs = {
  readonly made: readonly Repair[]
  /** Its lessons have been passed on. */
  taught: boolean
}

/** Names for which one deployment is asked again by one request. */
const MOST_REPAIRS = 3

/** A longer value is an object or a text: whether another one is like it nobody can say. */
const LONGEST_VALUE = 64

/** A value that another request may have too, as it was written; undefined: none. */
const sampleOf = (index: JsonIndex, path: readonly string[]): string | undefined => {
  const written = path.includes('*') ? undefined : writtenAt(index, path)
  return written === undefined || written.length > LONGEST_VALUE || /^[[{]/.test(written)
    ? undefined
    : written
}

/** All of it goes: which part the provider cannot read it does not always say, and is not asked a third time. */
const unsealed = (index: JsonIndex, sealed: boolean): Repair | undefined => {
  const seals = boundItems(index)
    .filter(({ type, bond }) => type === 'reasoning' && bond?.sealed === sealed)
    .flatMap(({ bond }) => (bond === undefined ? [] : [bond.key]))
  if (seals.length === 0) return undefined
  const amendment: Amendment = { kind: 'unsealed', foreign: bond => bond.sealed === sealed }
  return { name: `${sealed ? 'encrypted' : 'kept'} reasoning`, amendment, lesson: undefined, seals }
}

/** Only reasoning can be done without; what a reference names cannot. */
const unkept = (index: JsonIndex, id: string): Repair | undefined =>
  boundItems(index).some(item => item.type === 'reasoning' && item.id === id)
    ? unsealed(index, false)
    : undefined

const withIds = (index: JsonIndex, at: number): Repair | undefined => {
  const item = itemsIn(index, 'input').find(one => one.at === at)
  if (item === undefined || item.id !== '') return undefined
  const amendment = { kind: 'item-ids', type: typeOf(item) } as const
  return { name: `ids of ${typeOf(item)} items`, amendment, lesson: amendment }
}

/** The signatures are one provider's word against another's: which of them is wrong it does not always say. */
const unsigned = (index: JsonIndex): Repair | undefined =>
  unsignedEdits(index).length === 0
    ? undefined
    : { name: 'signed thoughts', amendment: { kind: 'unsigned' }, lesson: undefined }

const formed = (index: JsonIndex, form: CallIdForm): Repair | undefined => {
  const amendment = { kind: 'call-ids', form } as const
  return callIdEdits(index, form).length === 0
    ? undefined
    : { name: 'ids of calls in its form', amendment, lesson: amendment }
}

const thinking = (index: JsonIndex, form: ThinkingForm): Repair | undefined => {
  const amendment = { kind: 'thinking', form } as const
  const name = form === 'adaptive' ? 'adaptive thinking' : 'thinking'
  return formEdits(index, form).length === 0 ? undefined : { name, amendment, lesson: amendment }
}

const limited = (index: JsonIndex, { most, once }: SaidLimit): Repair | undefined => {
  const amendment = { kind: 'answer-limit', most } as const
  return limitEdits(index, most).length === 0
    ? undefined
    : { name: `at most ${most} tokens of answer`, amendment, lesson: once ? undefined : amendment }
}

const without = (
  index: JsonIndex,
  path: readonly string[],
  { ofValue, conditional }: Pick<Extract<Complaint, { kind: 'parameter' }>, 'ofValue' | 'conditional'>,
): Repair => {
  const value = ofValue ? sampleOf(index, path) : undefined
  // What is refused beside something else, or for a value that is nobody else's, teaches nothing.
  const teaches = !conditional && (!ofValue || value !== undefined)
  return {
    name: printPath(path),
    amendment: { kind: 'without', path, value: undefined },
    lesson: teaches ? { kind: 'without', path, value } : undefined,
  }
}

/** A tier that is not to be had is not to be replaced by one that costs something else: the operator may drop it. */
const isPrice = (path: readonly string[]): boolean => path.length === 1 && path[0] === 'service_tier'

/** One parameter that has to stay is enough: what is sent without the others would be refused for it. */
const withoutAll = (
  play: Play,
  index: JsonIndex,
  complaint: Extract<Complaint, { kind: 'parameter' }>,
): readonly Repair[] => {
  const body = JSON.parse(Buffer.from(index.bytes).toString('utf8')) as Json
  const found = complaint.paths.map(path => placeOf(body, path, complaint)).filter(path => path !== undefined)
  if (found.some(path => path.join('.') === 'input.*.encrypted_content')) {
    const repair = unsealed(index, true)
    return repair === undefined ? [] : [repair]
  }
  const bound = found.some(
    path => meaningOf(path, play.call.route.shape) !== undefined || (complaint.ofValue && isPrice(path)),
  )
  return bound ? [] : found.map(path => without(index, path, complaint))
}

/** Hints that OpenAI added late: a provider that lags behind it refuses them all. */
const YOUNG: ReadonlySet<string> = new Set([
  'verbosity',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
])

/**
 * There are more of them in what agents write than repeats: the young hints, and what the compact endpoint does not
 * publish. The last repeat, when it is about one of these, goes without all. They teach nothing: nobody has named them.
 */
const doubtful = (play: Play, failed: Failed, last: readonly Repair[]): readonly Repair[] => {
  const { route } = play.call
  const isDoubtful = (key: string): boolean =>
    route.shape === 'compaction' ? !publishes(route, key) : YOUNG.has(key)
  const named = new Set(last.map(one => one.name))
  if (failed.blamed === undefined || ![...named].every(isDoubtful)) return []
  const index = indexObject(joinSegments(failed.blamed.draft.body))
  return [...index.members.keys()]
    .filter(key => !named.has(key) && isDoubtful(key) && meaningOf([key], route.shape) === undefined)
    .map(key => without(index, [key], { ofValue: false, conditional: true }))
}

/** They are mended whether parameters are learned or not. */
const ABOUT_STATE: ReadonlySet<Complaint['kind']> = new Set([
  'ciphertext',
  'kept-item',
  'signature',
  'call-id',
])

const repairsFor = (play: Play, { failure, blamed }: Failed): readonly Repair[] => {
  const complaint = blamed === undefined ? undefined : complaintOf(failure)
  if (complaint === undefined || blamed === undefined || blamed.draft.body.length === 0) return []
  const { learning } = play.call.config.router
  const aboutState = ABOUT_STATE.has(complaint.kind)
  if (!aboutState && learning === undefined) return []
  const index = indexObject(joinSegments(blamed.draft.body))
  if (complaint.kind === 'parameter') return withoutAll(play, index, complaint)
  const repair = repairOf(complaint, index)
  return repair === undefined ? [] : [repair]
}

const repairOf = (
  complaint: Exclude<Complaint, { kind: 'parameter' }>,
  index: JsonIndex,
): Repair | undefined => {
  switch (complaint.kind) {
    case 'ciphertext':
      return unsealed(index, true)
    case 'signature':
      return unsigned(index)
    case 'call-id':
      return formed(index, complaint.form)
    case 'thinking':
      return thinking(index, complaint.form)
    case 'answer-limit':
      return limited(index, complaint.limit)
    case 'kept-item':
      return unkept(index, complaint.id)
    case 'item-id':
      return withIds(index, complaint.at)
  }
}

/** Objects that a provider keeps are made as they were asked for; what passes through is nobody's to mend. */
const isMendable = ({ call: { body, route } }: Play): boolean =>
  body.kind === 'json' && route.crossing !== 'never' && route.verbatim !== true

/**
 * What the same hop is made with once more, as words for the trail; undefined: nothing, and the failure stands. Each
 * name is good for one repeat, three at most, and only while the request has attempts and time left.
 */
export const repair = (play: Play, failed: Failed): string | undefined => {
  if (failed.blamed === undefined || !isMendable(play) || play.allowance.spent) return undefined
  const { trail } = play
  const { deployment } = failed.blamed.candidate
  const made = trail.repairs?.get(deployment.id)?.made ?? []
  const fresh = repairsFor(play, failed)
  if (fresh.length === 0 || made.length + fresh.length > MOST_REPAIRS) return undefined
  if (fresh.some(one => made.some(other => other.name === one.name))) return undefined
  const isLast = made.length + fresh.length === MOST_REPAIRS
  const all = isLast ? [...fresh, ...doubtful(play, failed, fresh)] : fresh
  trail.repairs ??= new Map()
  trail.repairs.set(deployment.id, { made: [...made, ...all], taught: false })
  return all.map(wordsFor).join(', ')
}

/** What puts something in the place of what was refused. */
const GIVING: ReadonlySet<Amendment['kind']> = new Set(['item-ids', 'call-ids', 'answer-limit'])

const gives = (amendment: Amendment): boolean =>
  amendment.kind === 'thinking' ? amendment.form !== 'rest' : GIVING.has(amendment.kind)

const wordsFor = ({ name, amendment }: Repair): string =>
  gives(amendment) ? `with ${name}` : `without ${name}`

/** Of several the ones that were made elsewhere, or nobody knows where, are the likely ones; else they all are. */
const learnSeals = (
  seals: readonly string[],
  { boundary }: Candidate['deployment'],
  { origins }: Play['house']['board'],
): void => {
  const doubtful = seals.filter(fingerprint => origins.of(fingerprint)?.boundary !== boundary)
  for (const fingerprint of doubtful.length > 0 ? doubtful : seals) origins.refused(fingerprint, boundary)
}

/**
 * The repaired hop was answered: now it is known that this was what was wrong. Before that a text that only reads
 * like a refusal would teach something false.
 */
export const learnRepairs = ({ call, trail, house }: Play, { deployment, model }: Candidate): void => {
  const repairs = trail.repairs?.get(deployment.id)
  const { learning } = call.config.router
  if (repairs === undefined || repairs.taught) return
  repairs.taught = true
  for (const { seals } of repairs.made) if (seals !== undefined) learnSeals(seals, deployment, house.board)
  if (learning === undefined) return
  const lectern = { deployment, route: call.route.name, model }
  for (const { name, lesson } of repairs.made) {
    if (lesson === undefined || !house.board.lessons.learn(lectern, lesson, learning.ttlMs)) continue
    house.event('info', 'A deployment refuses part of a request; the next one goes without it.', {
      deployment: deployment.id,
      route: call.route.name,
      model,
      refused: name,
      seconds: Math.round(learning.ttlMs / 1000),
    })
  }
}
