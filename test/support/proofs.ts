import assert from 'node:assert/strict'
import type { Route } from '../../src/routes.ts'
import type { Fault } from '../../src/stage/faults.ts'
import type { Hit } from '../../src/stage/recorder.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { assertErrorShape, endingOf, isStream, outline } from './answers.ts'
import { assertNothingRefused } from './canary.ts'
import { backupOf, type Cast, haltingOf, hurriedOf, leadOf, pairOf } from './cast.ts'
import type { Reply } from './harness.ts'
import { requestFor, routeNamed } from './requests.ts'

/**
 * One promise of the endpoint table each, shown on one row. A proof returns the words of the table's cell, so that
 * what `understudy routes` prints can be compared with what happened.
 */
export type Scene = { readonly cast: Cast; readonly route: Route; readonly stream: boolean }

const down: Fault = { kind: 'status', status: 503 }
/** More often than anyone asks. */
export const always = (fault: Fault): readonly Fault[] => Array.from({ length: 9 }, () => fault)
const NO_RETRY = [['x-litellm-num-retries', '0']] as const

const bodies = (hits: readonly Hit[]): readonly string[] =>
  hits.map(hit => Buffer.from(hit.body).toString('latin1'))

const outlineOf = (hit: Hit | undefined): object => {
  assert.ok(hit !== undefined, 'the request did not arrive')
  // The date and a length that follows from the body aside, a direct request has the same head.
  return { method: hit.method, target: hit.target, headers: hit.headers, body: bodies([hit])[0] }
}

/** One undisturbed request to this group: its answer, and what its provider received. */
const direct = async (scene: Scene, group: string): Promise<{ reply: Reply; hit: Hit | undefined }> => {
  const { cast, route, stream } = scene
  const props = await cast.props(route, group)
  cast.clear()
  const reply = await cast.send(requestFor(route, { group, props, stream }))
  assert.equal(reply.status, 200, reply.text.slice(0, 500))
  assert.equal(isStream(reply), stream)
  const hits = [...cast.lead.requests, ...cast.backup.requests]
  assertNothingRefused(hits)
  assert.equal(hits.length, 1)
  return { reply, hit: hits[0] }
}

/** The primary fails once, then answers: the same group serves, and the header counts. */
export const proveRetry = async (scene: Scene): Promise<string> => {
  const { cast, route, stream } = scene
  const group = leadOf(route)
  const undisturbed = await direct(scene, group)
  const props = await cast.props(route, group)
  cast.clear()
  cast.lead.script([{ kind: 'status', status: 500 }])
  const reply = await cast.send(requestFor(route, { group, props, stream }))
  assert.deepEqual(outline(reply), outline(undisturbed.reply))
  assert.equal(reply.headers['x-litellm-attempted-retries'], '1')
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '0')
  assert.equal(reply.headers['x-litellm-model-group'], group)
  const [first, second, ...more] = cast.lead.requests
  assert.deepEqual(outlineOf(second), outlineOf(first))
  assert.equal(more.length, 0)
  assert.equal(cast.backup.requests.length, 0)
  assertNothingRefused(cast.lead.requests)
  return 'yes'
}

const proveCrossing = async (scene: Scene): Promise<void> => {
  const { cast, route, stream } = scene
  const undisturbed = await direct(scene, backupOf(route))
  cast.clear()
  cast.lead.script(always(down))
  const reply = await cast.send(requestFor(route, { group: leadOf(route), stream }))
  assert.deepEqual(outline(reply), outline(undisturbed.reply))
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
  assert.equal(reply.headers['x-litellm-model-group'], backupOf(route))
  assert.equal(cast.lead.requests.length, 2, 'one attempt and one retry')
  assert.equal(cast.backup.requests.length, 1)
  // A fallback's body differs from that of a direct request by nothing.
  assert.deepEqual(outlineOf(cast.backup.requests[0]), outlineOf(undisturbed.hit))
  assertNothingRefused([...cast.lead.requests, ...cast.backup.requests])
}

const proveStaying = async (scene: Scene): Promise<void> => {
  const { cast, route, stream } = scene
  const group = leadOf(route)
  const props = await cast.props(route, group)
  cast.clear()
  cast.lead.script(always(down))
  const reply = await cast.send(requestFor(route, { group, props, stream }))
  const error = assertErrorShape(reply, 503)
  assert.match(
    String(error.message),
    /^litellm\.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - /,
  )
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '0')
  assert.equal(cast.lead.requests.length, 2, 'one attempt and one retry')
  assert.equal(cast.backup.requests.length, 0, 'what the lead owns was sent to the backup')
  assertNothingRefused(cast.lead.requests)
}

/** The primary is down: another group serves as if it had been asked itself, or no other sees the request. */
export const proveFallback = async (scene: Scene): Promise<string> => {
  const { crossing } = scene.route
  if (crossing === 'never') {
    await proveStaying(scene)
    return 'no: owned'
  }
  await proveCrossing(scene)
  return crossing === 'groups' ? 'any group' : 'same model only'
}

const assertRests = async (scene: Scene, group: string): Promise<void> => {
  const { cast, route } = scene
  const asked = cast.lead.requests.length
  const reply = await cast.send(requestFor(route, { group, stream: scene.stream }))
  assert.equal(reply.status, 200, reply.text.slice(0, 500))
  assert.equal(cast.lead.requests.length, asked, 'a resting deployment was asked')
  assert.ok(cast.spare.requests.length > 0)
  assert.equal(cast.backup.requests.length, 0)
}

/** The owner is asked again although it failed, and its failure is known to the model calls of its group. */
const proveOwnerCooldown = async (scene: Scene): Promise<void> => {
  const { cast, route, stream } = scene
  const group = pairOf(route, stream)
  const props = await cast.props(route, group)
  const more = await cast.props(route, group)
  cast.clear()
  cast.lead.script([{ kind: 'status', status: 500 }])
  const failed = await cast.send(requestFor(route, { group, props, stream }), NO_RETRY)
  assertErrorShape(failed, 500)
  await assertRests({ cast, route: routeNamed('chat.completions'), stream: false }, group)
  const strangers = cast.spare.requests.length
  const next = await cast.send(requestFor(route, { group, props: more, stream }))
  assert.equal(next.status, 200, next.text.slice(0, 500))
  assert.equal(cast.lead.requests.length, 2)
  assert.equal(cast.spare.requests.length, strangers, 'a stranger was asked')
}

/** After a failure the deployment rests: the next request goes to its sibling. An owner is asked all the same. */
export const proveCooldown = async (scene: Scene): Promise<string> => {
  const { cast, route, stream } = scene
  if (route.crossing === 'never') {
    await proveOwnerCooldown(scene)
    return 'counts; asked all the same'
  }
  const group = pairOf(route, stream)
  cast.clear()
  cast.lead.script([{ kind: 'status', status: 500 }])
  const first = await cast.send(requestFor(route, { group, stream }))
  assert.equal(first.status, 200, first.text.slice(0, 500))
  assert.deepEqual([cast.lead.requests.length, cast.spare.requests.length], [1, 1])
  await assertRests(scene, group)
  return 'yes'
}

const sse = (error: JsonObject, more: object = {}): Fault => ({ kind: 'error-event', error, ...more })
const overloaded: JsonObject = {
  message: 'The server is overloaded.',
  type: 'server_error',
  code: 'server_error',
}

type Break = readonly [name: string, fault: Fault]

const responsesOnly = (route: Route, mark: object): readonly Break[] =>
  route.shape === 'responses'
    ? [
        ['a flat error event', sse(overloaded, { as: 'flat', ...mark })],
        ['response.failed', sse(overloaded, { as: 'failed', ...mark })],
      ]
    : []

/** What can go wrong between the request and the first content of a stream. */
const before = (route: Route): readonly Break[] => [
  ['reset before the head', { kind: 'reset', when: 'before-headers' }],
  ['reset after the head', { kind: 'reset', when: 'after-headers' }],
  ['closed before content', { kind: 'cut', how: 'fin', afterContent: 0 }],
  ['reset before content', { kind: 'cut', how: 'rst', afterContent: 0 }],
  ['ended before content', { kind: 'cut', how: 'clean-chunk-end', afterContent: 0 }],
  ['an error event first', sse(overloaded, { afterContent: 0 })],
  ['a web page instead', { kind: 'html' }],
  ['nothing at all', { kind: 'empty' }],
  ...responsesOnly(route, { afterContent: 0 }),
]

const after = (route: Route): readonly Break[] => [
  ['closed after content', { kind: 'cut', how: 'fin', afterContent: 1 }],
  ['reset after content', { kind: 'cut', how: 'rst', afterContent: 1 }],
  ['ended after content', { kind: 'cut', how: 'clean-chunk-end', afterContent: 1 }],
  ['an error event after content', sse(overloaded, { afterContent: 1 })],
  ...responsesOnly(route, { afterContent: 1 }),
]

const silence = (when: 'before-headers' | 'before-first-event' | 'after-lifecycle'): Break => [
  `silence ${when}`,
  { kind: 'stall', when },
]

/** One failure of this kind: a request that dies with the connection that was kept is sent once more on a fresh one. */
const once = (fault: Fault): readonly Fault[] =>
  fault.kind === 'reset' && fault.when === 'before-headers' ? [fault, fault] : [fault]

/** Plays one break on one group and gives what the client got. */
const play = async (scene: Scene, group: string, fault: Fault): Promise<Reply> => {
  const { cast, route, stream } = scene
  const props = await cast.props(route, group)
  cast.clear()
  // What cannot cross is tried again where it is; everything else goes straight on to the backup.
  if (route.crossing === 'never') cast.lead.script(once(fault))
  else cast.lead.script(always(fault))
  const retries = route.crossing === 'never' ? [] : NO_RETRY
  return cast.send(requestFor(route, { group, props, stream }), retries)
}

/** Dialects with an event that begins an answer. */
const BEGUN: ReadonlySet<string> = new Set(['chat', 'responses', 'messages'])

const assertOneWhole = (text: string, route: Route): void => {
  const ending = endingOf(text)
  assert.equal(ending.errors, 0)
  assert.equal(ending.successes, 1)
  assert.equal(ending.stops, route.shape === 'chat' || route.shape === 'completions' ? 1 : 0)
  if (BEGUN.has(route.shape)) assert.equal(ending.starts, 1)
}

/** The end of a stream that broke after its beginning: said in the dialect, and never as success. */
const assertBroken = (reply: Reply, route: Route, name: string): void => {
  assert.equal(reply.status, 200)
  const ending = endingOf(reply.text)
  assert.equal(ending.successes, 0, `${name}: a truncated answer passed for a whole one`)
  assert.equal(ending.errors, 1, `${name}: ${reply.text.slice(-500)}`)
  assert.equal(ending.stops, 0, `${name}: the terminator of a whole answer after an error`)
  if (BEGUN.has(route.shape)) assert.equal(ending.starts, 1, name)
}

/** Failures before the first content are invisible; after it the stream ends with the dialect's error event. */
export const proveStreamGate = async (scene: Scene): Promise<string> => {
  const { cast, route } = scene
  const owned = route.crossing === 'never'
  const undisturbed = await direct(scene, owned ? leadOf(route) : backupOf(route))
  assertOneWhole(undisturbed.reply.text, route)
  const silences = [silence('before-headers'), silence('before-first-event'), silence('after-lifecycle')]
  for (const [name, fault] of [...before(route), ...(owned ? [] : silences)]) {
    const group = fault.kind === 'stall' ? hurriedOf(route) : leadOf(route)
    const reply = await play(scene, group, fault)
    assert.deepEqual(outline(reply), outline(undisturbed.reply), name)
    assertOneWhole(reply.text, route)
    const counted = owned ? 'x-litellm-attempted-retries' : 'x-litellm-attempted-fallbacks'
    assert.equal(reply.headers[counted], '1', name)
  }
  for (const [name, fault] of after(route)) {
    assertBroken(await play(scene, leadOf(route), fault), route, name)
    assert.equal(cast.lead.requests.length, 1, `${name}: tried again after content`)
    assert.equal(cast.backup.requests.length, 0, `${name}: went on elsewhere after content`)
  }
  const stalled = await play(scene, haltingOf(route), { kind: 'stall', when: 'mid-stream', afterContent: 1 })
  assertBroken(stalled, route, 'silence after content')
  assert.equal(cast.backup.requests.length, 0)
  return 'first content event'
}

/** A body that breaks off is no answer: the client gets the whole one of the next attempt. */
export const proveWholeGate = async (scene: Scene): Promise<string> => {
  const { cast, route } = scene
  const undisturbed = await direct(scene, leadOf(route))
  const breaks: readonly Fault[] = [
    { kind: 'reset', when: 'before-headers' },
    { kind: 'reset', when: 'after-headers' },
    { kind: 'cut', how: 'fin' },
    { kind: 'cut', how: 'rst' },
    { kind: 'wrong-length' },
    { kind: 'bad-json' },
  ]
  for (const fault of breaks) {
    const props = await cast.props(route, leadOf(route))
    cast.clear()
    cast.lead.script(once(fault))
    const reply = await cast.send(requestFor(route, { group: leadOf(route), props }))
    // The provider had deleted it when its answer broke off: the second attempt is told so, and so is the client.
    if (route.method === 'DELETE' && cast.lead.requests.at(-1)?.refusal?.status === 404)
      assertErrorShape(reply, 404)
    else assert.deepEqual(outline(reply), outline(undisturbed.reply), JSON.stringify(fault))
    assert.equal(reply.headers['x-litellm-attempted-retries'], '1', JSON.stringify(fault))
  }
  return 'whole answer'
}

/** Bytes are passed on from the first one: a failure before it is invisible, after it the client is cut off, too. */
export const proveByteGate = async (scene: Scene): Promise<string> => {
  const { cast, route } = scene
  const group = leadOf(route)
  const undisturbed = await direct(scene, group)
  for (const how of ['fin', 'rst'] as const) {
    const props = await cast.props(route, group)
    cast.clear()
    cast.lead.script([{ kind: 'cut', how, afterContent: 0 }])
    const reply = await cast.send(requestFor(route, { group, props }))
    assert.deepEqual(outline(reply), outline(undisturbed.reply))
    assert.equal(reply.headers['x-litellm-attempted-retries'], '1')
    cast.clear()
    cast.lead.script([{ kind: 'cut', how, afterContent: 1 }])
    const client = await cast.open(requestFor(route, { group, props }))
    assert.equal((await client.head()).status, 200)
    await assert.rejects(client.body(), /the connection ended/, 'a truncated body passed for a whole one')
    assert.equal(cast.lead.requests.length, 1)
  }
  return 'first byte'
}
