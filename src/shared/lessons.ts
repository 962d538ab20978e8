import type { Deployment } from '../config/config.ts'
import type { CallIdForm } from '../dialects/call-id-edits.ts'
import type { ThinkingForm } from '../dialects/thinking-form.ts'
import type { Clock } from '../house.ts'
import type { CompactionWay } from '../providers/provider.ts'

/** What one deployment does not take, or wants, on one route. Plain data. */
export type Lesson =
  /** `value`: only this one, as JSON. */
  | { readonly kind: 'without'; readonly path: readonly string[]; readonly value: string | undefined }
  | { readonly kind: 'item-ids'; readonly type: string }
  /** It takes ids of tool calls in this form. */
  | { readonly kind: 'call-ids'; readonly form: CallIdForm }
  /** It thinks in this form. */
  | { readonly kind: 'thinking'; readonly form: ThinkingForm }
  /** Its longest answer, in tokens. */
  | { readonly kind: 'answer-limit'; readonly most: number }
  /** It has no compaction of this way. */
  | { readonly kind: 'way'; readonly way: CompactionWay }

/** Where a lesson holds: another address, credential or model under the same id has learned nothing. */
export type Lectern = {
  readonly deployment: Pick<Deployment, 'id' | 'domain'>
  /** Its name; for ways of compacting, which are asked for on several routes, `WAYS`. */
  readonly route: string
  /** Upstream model: of a wildcard deployment each is a model of its own. */
  readonly model: string
}

/** What providers have refused by name. Forgets by age; of too many, the oldest. */
export type Lessons = {
  /** undefined: nothing was learned there. Asked for every attempt, so it takes no object. */
  readonly of: (
    deployment: Lectern['deployment'],
    route: string,
    model: string,
  ) => readonly Lesson[] | undefined
  /** True when it is new, or had been forgotten. */
  readonly learn: (lectern: Lectern, lesson: Lesson, ttlMs: number) => boolean
  /** Forgets deployments that are gone after a reload. */
  readonly keep: (ids: ReadonlySet<string>) => void
  readonly size: () => number
}

/** Where it is remembered which ways of compacting a deployment has not. */
export const WAYS = 'compaction ways'

/** Of one deployment, over its routes and models. */
export const MOST_LESSONS = 64

type Entry = { readonly place: string; readonly lesson: Lesson; readonly until: number }
type Shelf = { readonly domain: string; readonly entries: Map<string, Entry> }

const placeOf = (route: string, model: string): string => `${route}\n${model}`

export const createLessons = (clock: Clock): Lessons => {
  const shelves = new Map<string, Shelf>()

  const of: Lessons['of'] = ({ id, domain }, route, model) => {
    // Nearly always nothing was learned anywhere.
    const shelf = shelves.size === 0 ? undefined : shelves.get(id)
    if (shelf === undefined || shelf.domain !== domain) return undefined
    const place = placeOf(route, model)
    const now = clock.now()
    let found: Lesson[] | undefined
    for (const [key, entry] of shelf.entries) {
      if (entry.until <= now) shelf.entries.delete(key)
      else if (entry.place === place) {
        found ??= []
        found.push(entry.lesson)
      }
    }
    if (shelf.entries.size === 0) shelves.delete(id)
    return found
  }

  const learn: Lessons['learn'] = (lectern, lesson, ttlMs) => {
    const { id, domain } = lectern.deployment
    const known = shelves.get(id)
    const shelf = known?.domain === domain ? known : { domain, entries: new Map<string, Entry>() }
    shelves.set(id, shelf)
    const place = placeOf(lectern.route, lectern.model)
    const key = JSON.stringify([place, lesson])
    const before = shelf.entries.get(key)
    const now = clock.now()
    shelf.entries.delete(key)
    shelf.entries.set(key, { place, lesson, until: now + ttlMs })
    const oldest = shelf.entries.keys().next()
    if (shelf.entries.size > MOST_LESSONS && !oldest.done) shelf.entries.delete(oldest.value)
    return before === undefined || before.until <= now
  }

  const keep: Lessons['keep'] = ids => {
    for (const id of shelves.keys()) if (!ids.has(id)) shelves.delete(id)
  }

  return {
    of,
    learn,
    keep,
    size: () => [...shelves.values()].reduce((sum, { entries }) => sum + entries.size, 0),
  }
}
