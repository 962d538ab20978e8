import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NATIVE_ROUTES } from '../src/passthrough/routes.ts'
import { ROUTES, type Route } from '../src/routes.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { plantedControls } from './support/canaries.ts'
import { assertNoCanary } from './support/canary.ts'
import {
  type CanaryCast,
  isOwnCredential,
  KINDS,
  type Kind,
  lastFor,
  notClassic,
  raiseCanaries,
  serves,
} from './support/canary-cast.ts'
import { nativeRequest } from './support/proofs-native.ts'
import { requestFor, streamsOf } from './support/requests.ts'

/** A key that no provider takes. */
const REFUSED = 'a_parameter_of_tomorrow'

/** What is translated for a provider never brings it a key that nobody knows: there is nothing to be repaired. */
const isTranslated = (kind: Kind, { name }: Route): boolean =>
  /^(?:messages|gemini)\./.test(name) || (kind === 'compatible' && name === 'responses.compact')

/** No byte that reached a provider holds anything that was planted, and no provider found fault with what it got. */
const assertClean = (cast: CanaryCast): void => {
  // What was refused on purpose is repaired.
  assert.deepEqual(
    cast.refused().filter(why => !why.includes(REFUSED)),
    [],
  )
  const addresses = KINDS.map(kind => ({
    kind,
    canary: {
      place: `the address of ${kind}`,
      text: new URL(kind === 'bedrock' ? cast.bedrock.url : cast.stages[kind].origin).host,
    },
  }))
  for (const [kind, hits] of cast.arrived()) {
    if (hits.length === 0) continue
    const foreign = addresses.filter(one => one.kind !== kind).map(one => one.canary)
    assertNoCanary(hits, [...cast.aviary.all, ...foreign], {
      except: (canary, _, where) => isOwnCredential(kind, canary, where),
    })
  }
}

const countsOf = (cast: CanaryCast): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...cast.arrived()].map(([kind, hits]) => [kind, hits.length]).filter(([, count]) => count !== 0),
  )

type Scene = {
  readonly cast: CanaryCast
  readonly route: Route
  readonly stream: boolean
  readonly controls: JsonObject
}

type About = Pick<Parameters<typeof requestFor>[1], 'group' | 'props' | 'stream' | 'more'>

/** Sends one request with everything planted in it. */
const sendAbout = async ({ cast, route, controls }: Scene, about: About): Promise<void> => {
  const more = { ...controls, ...about.more }
  const reply = await cast.send(requestFor(route, { ...about, more, query: cast.query }))
  assert.equal(reply.status, 200, reply.text.slice(0, 500))
}

/** Through every kind of provider: each fails its attempt and its retry, sibling, order, fallback, fallback of fallback. */
const playChain = async (scene: Scene): Promise<void> => {
  const { cast, route } = scene
  const classic = notClassic(route) ? 0 : 2
  const last = lastFor(route)
  cast.clear()
  for (const kind of ['first', 'twin', 'v1', 'classic'] as const) cast.fail(kind, 9)
  if (last !== undefined) cast.fail('compatible', 9)
  await sendAbout(scene, { group: cast.star(route), stream: scene.stream })
  assert.deepEqual(countsOf(cast), {
    first: 1,
    twin: 1,
    v1: 2,
    ...(classic > 0 ? { classic } : {}),
    compatible: last === undefined ? 1 : 2,
    ...(last === undefined ? {} : { [last]: 1 }),
  })
  assertClean(cast)
}

/** The rehearsed failure, and a fallback that the client names. */
const playNamed = async (scene: Scene): Promise<void> => {
  const { cast, route } = scene
  const next = notClassic(route) ? 'compatible' : 'classic'
  cast.clear()
  await sendAbout(scene, {
    group: cast.star(route),
    stream: scene.stream,
    more: { mock_testing_fallbacks: true },
  })
  assert.deepEqual(countsOf(cast), { [next]: 1 })
  assertClean(cast)
  cast.clear()
  cast.fail('first', 2)
  await sendAbout(scene, {
    group: cast.solo('first', route),
    stream: scene.stream,
    more: { fallbacks: [cast.solo('compatible', route)] },
  })
  assert.deepEqual(countsOf(cast), { first: 2, compatible: 1 })
  assertClean(cast)
}

const REPAIRERS = ['first', 'v1', 'compatible'] as const

/** Refused by name, sent again without it, and without it from then on. */
const playRepair = async (scene: Scene, kind: (typeof REPAIRERS)[number]): Promise<void> => {
  const { cast, route, stream } = scene
  cast.clear()
  const about = { group: cast.solo(kind, route), stream, more: { [REFUSED]: 1 } }
  await sendAbout(scene, about)
  await sendAbout(scene, about)
  const carrying = cast.stages[kind].requests.filter(hit => hit.text.includes(REFUSED))
  // What a plain call has taught, the stream of the same endpoint knows.
  assert.deepEqual([carrying.length, cast.stages[kind].requests.length], stream ? [0, 2] : [1, 3])
  assertClean(cast)
}

test('M-007 M-010 M-134 nothing that is the gateway’s own reaches any provider on any route over any hop', async t => {
  const cast = await raiseCanaries(t)
  const controls = plantedControls(cast.aviary)
  for (const route of ROUTES) {
    for (const stream of streamsOf(route)) {
      const scene = { cast, route, stream, controls }
      const as = stream ? ' (stream)' : ''
      for (const kind of KINDS.filter(one => serves(one, route)))
        await t.test(`${route.name}${as}: ${kind}, and again after a failure`, async () => {
          const group = cast.solo(kind, route)
          const props = await cast.props(route, group)
          assertClean(cast)
          cast.clear()
          cast.fail(kind, 1)
          await sendAbout(scene, { group, props, stream })
          assert.deepEqual(countsOf(cast), { [kind]: 2 })
          assertClean(cast)
        })
      // What is counted here reaches nobody.
      if (route.crossing === 'never' || !serves('first', route)) continue
      if (route.body === 'json')
        for (const kind of REPAIRERS.filter(one => serves(one, route) && !isTranslated(one, route)))
          await t.test(`${route.name}${as}: ${kind}, repaired`, () => playRepair(scene, kind))
      await t.test(`${route.name}${as}: every provider after the other`, () => playChain(scene))
      await t.test(`${route.name}${as}: a rehearsed failure, and the client’s own fallback`, () =>
        playNamed(scene),
      )
    }
  }
  for (const route of NATIVE_ROUTES.filter(({ method }) => method === 'GET' || method === 'POST')) {
    await t.test(`${route.method} ${route.paths[0]}`, async () => {
      cast.clear()
      const request = nativeRequest(route)
      const joint = request.path.includes('?') ? '&' : '?'
      const reply = await cast.send({ ...request, path: `${request.path}${joint}key=${cast.query.key}` })
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(countsOf(cast), { [request.path.startsWith('/azure/') ? 'v1' : 'first']: 1 })
      assertClean(cast)
    })
  }
})
