import type { Config, Deployment } from '../../src/config/config.ts'
import type { RequestRecord, Step } from '../../src/record/trail.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import type { SimClient } from './client.ts'
import { endpointOf } from './endpoints.ts'
import { ERRORS } from './errors.ts'
import type { Hit, World } from './facts.ts'

/** Readings of a world that several invariants need. None of them asks the engine how it sees things. */

export const recordsOf = (world: World, client: SimClient): readonly RequestRecord[] =>
  world.records.filter(record => record.callId === client.callId)

export const recordOf = (world: World, client: SimClient): RequestRecord | undefined =>
  world.records.find(record => record.callId === client.callId)

export const hitsOf = (world: World, client: SimClient): readonly Hit[] =>
  world.hits.filter(hit => hit.client === client.index)

/** One attempt as the record tells it, and the request upstream that it was. */
export type Attempt = { readonly step: Step; readonly hit: Hit; readonly deployment: Deployment | undefined }

/**
 * In the order of the record, which is the order of their ends; the upstreams know the order of their beginnings. Empty
 * when the two do not agree on how many there were.
 */
export const attemptsOf = (world: World, client: SimClient): readonly Attempt[] => {
  const steps = recordOf(world, client)?.steps ?? []
  const hits = hitsOf(world, client)
  if (steps.length !== hits.length) return []
  const begun = steps.toSorted((one, other) => one.startedMs - other.startedMs)
  return steps.map(step => ({
    step,
    hit: hits[begun.indexOf(step)] as Hit,
    deployment: client.config?.byId.get(step.deployment),
  }))
}

const spokeAt = ({ contentStep, wholeStep }: Hit): number =>
  contentStep ?? wholeStep ?? Number.POSITIVE_INFINITY

/** Others that were asked for the same client. */
const rivalsOf = (world: World, hit: Hit): readonly Hit[] =>
  world.hits.filter(other => other !== hit && other.client === hit.client)

/** It was given up, and another attempt at the same request had answered by then. */
export const isOutrun = (world: World, hit: Hit): boolean =>
  hit.over === 'aborted' &&
  rivalsOf(world, hit).some(
    other => spokeAt(other) < hit.overStep && (other.over === undefined || other.overAt >= hit.overAt),
  )

/** It was not waited for, or failed while the one was at work that answered: nobody hears of it. */
export const isBeaten = (world: World, hit: Hit): boolean =>
  isOutrun(world, hit) ||
  rivalsOf(world, hit).some(
    other =>
      other.step < hit.overStep &&
      (other.over === undefined || other.overStep > hit.overStep) &&
      spokeAt(other) > hit.overStep &&
      spokeAt(other) < Number.POSITIVE_INFINITY,
  )

/** Consecutive attempts of one group. One of its deployments that is named by its id is a visit of its own. */
export const visitsOf = (attempts: readonly Attempt[]): readonly (readonly Attempt[])[] => {
  const visits: Attempt[][] = []
  for (const attempt of attempts) {
    const last = visits.at(-1)
    const before = last?.at(-1)?.step
    if (before?.group === attempt.step.group && !before.next.startsWith('fallback ')) last?.push(attempt)
    else visits.push([attempt])
  }
  return visits
}

/** The attempts of one visit by order; what only its owner can answer has no orders. */
export const levelsOf = (visit: readonly Attempt[], client: SimClient): readonly (readonly Attempt[])[] =>
  client.priorId === undefined
    ? [...Map.groupBy(visit, ({ deployment }) => deployment?.order).values()]
    : [visit]

/** Somebody else went on with this client's stream. */
export const wasResumed = (attempts: readonly Attempt[]): boolean =>
  attempts.some(({ step }) => step.resumed !== undefined)

export const jsonIn = (text: string): JsonObject | undefined => {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** One event as a client reads it, without the gateway's own rules. */
export type Event = {
  readonly name: string
  readonly data: string
  readonly value: JsonObject | undefined
  readonly kind: 'start' | 'piece' | 'success' | 'stop' | 'error' | 'other'
  /** The text that a piece adds. */
  readonly text: string
}

const SUCCESS =
  /^(?:response\.(?:completed|incomplete)|image_\w+\.completed|speech\.audio\.done|transcript\.text\.done)$/
const FAILURE = /^(?:error|response\.failed)$/

const textAt = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

const choiceEvent = (choice: JsonObject): Pick<Event, 'kind' | 'text'> => {
  if (typeof choice.finish_reason === 'string') return { kind: 'success', text: '' }
  const delta = isObject(choice.delta) ? choice.delta : {}
  const calls = Array.isArray(delta.tool_calls) ? (delta.tool_calls as readonly JsonObject[]) : []
  const tool = calls.map(call => (isObject(call.function) ? textAt(call.function.arguments) : '')).join('')
  const text = textAt(choice.text) + textAt(delta.content) + tool
  if (text !== '') return { kind: 'piece', text }
  return { kind: delta.role === undefined ? 'other' : 'start', text: '' }
}

const readEvent = (value: JsonObject | undefined, data: string): Pick<Event, 'kind' | 'text'> => {
  if (data === '[DONE]') return { kind: 'stop', text: '' }
  if (value === undefined) return { kind: 'other', text: '' }
  const type = textAt(value.type)
  if (FAILURE.test(type) || isObject(value.error)) return { kind: 'error', text: '' }
  if (SUCCESS.test(type)) return { kind: 'success', text: '' }
  if (type === 'response.created') return { kind: 'start', text: '' }
  const [choice] = Array.isArray(value.choices) ? (value.choices as readonly JsonObject[]) : []
  if (choice !== undefined) return choiceEvent(choice)
  const text =
    type.endsWith('.delta') || type.endsWith('partial_image')
      ? textAt(value.delta) + textAt(value.audio) + textAt(value.b64_json)
      : ''
  return { kind: text === '' ? 'other' : 'piece', text }
}

/** The events of a stream, comments left out; `rest` is what came after the last whole one. */
export const eventsIn = (body: string): { readonly events: readonly Event[]; readonly rest: string } => {
  const blocks = body.replace(/\r\n|\r/g, '\n').split('\n\n')
  const rest = blocks.pop() ?? ''
  const events = blocks.flatMap((block): Event[] => {
    const field = (name: string): readonly string[] =>
      block
        .split('\n')
        .flatMap(line => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).trim()] : []))
    const lines = field('data')
    if (lines.length === 0) return []
    const data = lines.join('\n')
    const value = jsonIn(data)
    return [{ name: field('event')[0] ?? '', data, value, ...readEvent(value, data) }]
  })
  return { events, rest: rest.trim() }
}

export const isStreamOf = (client: SimClient): boolean =>
  client.heard?.headers['content-type']?.startsWith('text/event-stream') === true

/** The hits whose answer can be heard in this text: every answer carries its number. */
export const voicesIn = (body: string): ReadonlySet<number> => {
  const plain = body.replace(/(?:resp|cmp)_[\w-]{40,}/g, '')
  return new Set(
    [...plain.matchAll(/(?:\[h|cmpl-h|msg_h|modr-h|rr-h)(\d+)/g)].map(([, number]) => Number(number)),
  )
}

const LIMIT_KEYS =
  /"(?:x-litellm-)?(?:(?:stream|request|total|connect|header|first_token|idle|attempt)[-_])?timeout":\s*"?([\d.]+)/g

/** What holds for a whole scenario is worked out once. */
const once = <T>(work: (world: World) => T): ((world: World) => T) => {
  const known = new WeakMap<World, T>()
  return world => {
    const found = known.get(world)
    if (found !== undefined) return found
    const made = work(world)
    known.set(world, made)
    return made
  }
}

/** A first token that nobody limits may take so long. */
const USUAL_FIRST_TOKEN_MS = 12_000

/** The shortest limit that anybody set, in milliseconds. */
export const shortestLimit = once(({ scenario: { config, clients, reloads } }) => {
  const text = JSON.stringify([config, clients, reloads])
  return Math.min(
    USUAL_FIRST_TOKEN_MS,
    ...[...text.matchAll(LIMIT_KEYS)].map(([, seconds]) => Number(seconds) * 1000),
  )
})

/** Some fallback or request names a deployment by its id: it is asked beside its group. */
export const namesIds = once(({ scenario: { config, clients, reloads } }) =>
  /"d\d+"/.test(
    JSON.stringify([
      clients,
      ...[config, ...reloads.map(reload => reload.config)].map(one =>
        isObject(one) ? (one.router_settings ?? null) : null,
      ),
    ]),
  ),
)

/** Every class that speaks of time begins alike; which of them it is depends on whose limit it was. */
const TIMEOUT = 'timeout'

/**
 * What an upstream's act is, whatever the gateway makes of it. `answered`: an answer, perhaps with a fault to come;
 * `timeout`: any of those classes.
 */
const meaningOf = (hit: Hit, client: SimClient | undefined): readonly string[] => {
  const { act } = hit
  switch (act.act) {
    case 'answer':
      return ['answered']
    case 'refuse':
      return [ERRORS[act.error].class]
    case 'break':
      return act.fault.endsWith('timeout') ? [TIMEOUT, 'transport'] : ['transport']
    case 'hang':
      return [TIMEOUT]
    case 'cut':
      return ['transport']
    case 'fail_inside':
      return [ERRORS[act.error].class]
    case 'garble': {
      const streams = client?.script.stream === true && endpointOf(client.script).asStream !== undefined
      if (act.what !== 'empty') return ['transient']
      return streams ? ['transport', 'empty_answer'] : ['transient', 'empty_answer']
    }
  }
}

/** What an attempt may be called that met this hit: `answered`, or classes of failures, all timeouts as one. */
export const namesFor = (world: World, hit: Hit): ReadonlySet<string> => {
  const client = hit.client === undefined ? undefined : world.clients[hit.client]
  const names = new Set(meaningOf(hit, client))
  // A limit may be one of the attempt or one of the whole request.
  if (hit.overAt - (client?.arrivedAt ?? hit.at) >= shortestLimit(world)) names.add(TIMEOUT)
  if (client?.leftAt !== undefined) names.add('client_gone')
  if (isOutrun(world, hit)) names.add('outrun')
  return names
}

export const isNamed = (names: ReadonlySet<string>, outcome: string): boolean =>
  names.has(outcome) || (names.has(TIMEOUT) && outcome.startsWith(TIMEOUT))

/** The deployments that answer to a name in a configuration, by the rules of the file: an id, an alias, a group. */
export const candidatesFor = (name: string, config: Config): readonly Deployment[] => {
  const own = config.byId.get(name)
  if (own !== undefined) return [own]
  return (config.groups.get(config.aliases.get(name)?.group ?? name) ?? []).filter(
    ({ info }) => !info.blocked,
  )
}

/** A client that waited for its answer, and got one. */
export const stayed = (client: SimClient): boolean =>
  client.arrivedAt !== undefined && client.leftAt === undefined && client.heard !== undefined
