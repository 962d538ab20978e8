import { isObject } from '../../../src/wire/json.ts'
import type { SimClient } from '../client.ts'
import { endpointOf } from '../endpoints.ts'
import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import { type Event, eventsIn, hitsOf, isBeaten, isStreamOf, jsonIn, stayed, voicesIn } from '../views.ts'

/** Clients that were answered with 200. */
const answered = (world: World): readonly SimClient[] =>
  world.clients.filter(client => stayed(client) && client.heard?.status === 200)

/** The last answer that began upstream for this client and was wanted: the one it hears, or hears the end of. */
const server = (world: World, client: SimClient): Hit | undefined =>
  hitsOf(world, client).findLast(hit => hit.status === 200 && !isBeaten(world, hit))

const textOf = (events: readonly Event[]): string =>
  events
    .map(({ text }) => text)
    .join('')
    .replace(/^\{"line":"/, '')
    .replace(/"\}$/, '')

/** Do these pieces go on where the one before ended, from the first of them? */
const counted = (text: string): boolean =>
  [...text.matchAll(/\.(\d+)(?:\|x*)?\]/g)].every(([, at], place) => Number(at) === place)

/** Hits that are heard behind others without having been asked to go on from exactly what was said before. */
const intruders = (world: World, client: SimClient, text: string): readonly number[] => {
  const hits = hitsOf(world, client)
  let before: number | undefined
  return [...text.matchAll(/\[h(\d+)\./g)].flatMap(({ 1: name, index }) => {
    const voice = Number(name)
    const changed = before !== undefined && before !== voice
    before = voice
    const asked = hits.find(hit => hit.index === voice)?.prefill
    // What is gone on with may be a call of a tool.
    const said = text.slice(0, index).replace('{"line":"', '')
    return changed && asked !== said ? [voice] : []
  })
}

/** What an event calls its answer: responses say it inside. */
const idsIn = ({ value }: Event): readonly string[] =>
  [value?.id, value?.response_id, isObject(value?.response) ? value.response.id : undefined].filter(
    id => typeof id === 'string',
  )

export const oneVoiceAfterTheCommit: Invariant = {
  name: 'oneVoiceAfterTheCommit',
  sentence:
    'A client hears one answer: bytes of a second one follow only where together they are what one answer would have said, or what it was asked to go on from.',
  end: world =>
    world.clients.flatMap(client => {
      const { heard } = client
      if (heard?.status !== 200) return []
      if (!isStreamOf(client)) {
        const voices = [...voicesIn(heard.body)]
        return voices.length > 1 ? [`client ${client.index} heard hits ${voices.join()}`] : []
      }
      const { events } = eventsIn(heard.body)
      const text = textOf(events.filter(({ kind }) => kind === 'piece'))
      const strangers = intruders(world, client, text)
      const ids = new Set(events.flatMap(idsIn))
      return [
        ...(strangers.length > 0
          ? [`client ${client.index} heard hits ${strangers.join()} in the answer of another one`]
          : []),
        ...(ids.size > 1 ? [`client ${client.index} heard an answer with the ids ${[...ids].join()}`] : []),
        ...(counted(text) ? [] : [`client ${client.index} heard pieces out of order: ${text.slice(0, 200)}`]),
      ]
    }),
}

const claims = (events: readonly Event[]): { readonly whole: boolean; readonly ended: boolean } => ({
  whole: events.some(({ kind }) => kind === 'success'),
  ended: events.some(({ kind }) => kind === 'stop'),
})

/** The gateway's own count: whole in itself, and told as what it is. */
const isEstimate = (client: SimClient): boolean =>
  endpointOf(client.script).shape === 'response_tokens' &&
  client.heard?.headers['x-understudy-dropped']?.split(', ').includes('the exact count') === true &&
  Object.keys(jsonIn(client.heard.body) ?? {}).join() === 'object,input_tokens'

/** Plain bytes and documents are whole when HTTP says so. */
const plainClaim = (world: World, client: SimClient): readonly string[] => {
  const { heard } = client
  if (heard?.whole !== true || isEstimate(client)) return []
  const hit = server(world, client)
  if (hit?.wholeStep === undefined && hit?.endStep === undefined)
    return [`client ${client.index} got a broken answer as a whole one`]
  const json = heard.headers['content-type']?.startsWith('application/json') === true
  return json && jsonIn(heard.body) === undefined
    ? [`client ${client.index} got half a document as a whole one`]
    : []
}

export const nothingTruncatedLooksWhole: Invariant = {
  name: 'nothingTruncatedLooksWhole',
  sentence:
    'A truncated answer is never presented as complete: no terminator that the upstream did not send.',
  end: world =>
    answered(world).flatMap(client => {
      if (!isStreamOf(client)) return plainClaim(world, client)
      const hits = hitsOf(world, client)
      const { events } = eventsIn(client.heard?.body ?? '')
      const { whole, ended } = claims(events)
      const failed = events.some(({ kind }) => kind === 'error')
      return [
        ...(whole && !hits.some(hit => hit.wholeStep !== undefined)
          ? [`client ${client.index} was told that its answer is whole, and it is not`]
          : []),
        ...(ended && !hits.some(hit => hit.endStep !== undefined)
          ? [`client ${client.index} got an end that no upstream sent`]
          : []),
        ...(client.heard?.whole === true && !whole && !failed
          ? [`client ${client.index} got a stream without an end as a whole answer`]
          : []),
      ]
    }),
}

const numberedOn = (events: readonly Event[]): boolean => {
  const numbers = events.map(({ value }) => value?.sequence_number)
  return numbers.every((number, at) => number === at)
}

const grammarOf = (client: SimClient): readonly string[] => {
  const { events, rest } = eventsIn(client.heard?.body ?? '')
  const kinds = events.map(({ kind }) => kind)
  const count = (kind: Event['kind']): number => kinds.filter(one => one === kind).length
  const shape = endpointOf(client.script).shape
  const starts = shape === 'chat' || shape === 'responses' ? 1 : 0
  const terminals = (count('success') > 0 ? 1 : 0) + (count('error') > 0 ? 1 : 0)
  const end = Math.max(kinds.indexOf('error'), kinds.indexOf('stop'))
  const success = kinds.indexOf('success')
  const late = success !== -1 && kinds.slice(success).includes('piece')
  const name = `the stream of client ${client.index}`
  const wrong = (holds: boolean, what: string): readonly string[] => (holds ? [] : [`${name} ${what}`])
  return [
    ...wrong(count('start') === starts, `has ${count('start')} beginnings`),
    ...wrong(terminals === 1, `has ${terminals} endings`),
    ...wrong(count('error') < 2 && count('stop') < 2, 'ends several times'),
    ...wrong(end === -1 || end === kinds.length - 1, 'goes on after its end'),
    ...wrong(!late, 'goes on after it was whole'),
    ...wrong(rest === '', `ends inside an event: ${rest.slice(0, 80)}`),
    ...wrong(shape !== 'responses' || numberedOn(events), 'is not numbered'),
  ]
}

const toolsParse = (client: SimClient): readonly string[] => {
  const { events } = eventsIn(client.heard?.body ?? '')
  const called = events.filter(({ data }) => data.includes('"tool_calls"') && data.includes('"arguments"'))
  if (called.length === 0 || !events.some(({ kind }) => kind === 'success')) return []
  return jsonIn(called.map(({ text }) => text).join('')) === undefined
    ? [`the tool call of client ${client.index} cannot be read`]
    : []
}

export const streamsAreWellFormed: Invariant = {
  name: 'streamsAreWellFormed',
  sentence:
    'A stream has one beginning, one ending and nothing after it, and is valid in its dialect; the arguments of a tool call can be read.',
  end: world =>
    answered(world)
      .filter(client => isStreamOf(client) && client.released === 'ended')
      .flatMap(client => [...grammarOf(client), ...toolsParse(client)]),
}

export const theHeadWaitsForContent: Invariant = {
  name: 'theHeadWaitsForContent',
  sentence: 'No status is sent before an attempt has produced content, or the last of them has failed.',
  end: world =>
    world.clients.flatMap(client => {
      const { headStep, heard } = client
      if (headStep === undefined || heard === undefined) return []
      const before = hitsOf(world, client).filter(hit => hit.step < headStep)
      const open = before.filter(hit => hit.over === undefined || hit.overStep > headStep)
      // The gateway's own count comes when everybody has failed, as an error would.
      if (heard.status === 200 && !isEstimate(client)) {
        const produced = before.some(
          ({ contentStep, wholeStep }) => (contentStep ?? wholeStep ?? Number.POSITIVE_INFINITY) < headStep,
        )
        return produced ? [] : [`client ${client.index} was answered before any upstream had said anything`]
      }
      return open.length === 0
        ? []
        : [`client ${client.index} was refused while hit ${open[0]?.index} was still being asked`]
    }),
}
