import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RouteLine, routeTable } from '../src/cli/routes.ts'
import { NATIVE_ROUTES } from '../src/passthrough/routes.ts'
import { ROUTES, type Route } from '../src/routes.ts'
import { assertErrorShape } from './support/answers.ts'
import { assertNothingRefused } from './support/canary.ts'
import {
  type Cast,
  leadOf,
  OTHER_VECTORS,
  raise,
  STRANDED_VECTORS,
  type Tongue,
  tongueOf,
} from './support/cast.ts'
import {
  always,
  proveByteGate,
  proveCooldown,
  proveFallback,
  proveRetry,
  proveStreamGate,
  proveWholeGate,
} from './support/proofs.ts'
import { proveVerbatim } from './support/proofs-native.ts'
import { RECIPES } from './support/recipes.ts'
import { requestFor, routeNamed, streamsOf } from './support/requests.ts'

type Cells = Omit<RouteLine, 'method' | 'path'>

const isBytes = (route: Route): boolean => route.shape === 'speech' || route.shape === 'raw'

/** One cell for a row: the variants of an endpoint keep the same promise. */
const agreed = (words: readonly string[]): string => {
  const [only, ...more] = [...new Set(words)]
  assert.ok(only !== undefined && more.length === 0, `the variants disagree: ${words.join(', ')}`)
  return only
}

/** The gate of a row from those of its variants, in the table's words. */
const gateOf = (plain: string, streamed: string | undefined): string => {
  if (streamed === undefined) return plain
  return plain === 'first byte' ? 'first byte or event' : streamed
}

const prove = async (t: TestContext, cast: Cast, route: Route): Promise<Cells> => {
  const retry: string[] = []
  const fallback: string[] = []
  const cooldown: string[] = []
  const gate: string[] = []
  for (const stream of streamsOf(route)) {
    const scene = { cast, route, stream }
    const proveGate = stream ? proveStreamGate : isBytes(route) ? proveByteGate : proveWholeGate
    const as = stream ? ' (stream)' : ''
    await t.test(`M-043 retry${as}`, async () => void retry.push(await proveRetry(scene)))
    await t.test(`M-001 fallback${as}`, async () => void fallback.push(await proveFallback(scene)))
    await t.test(`cooldown${as}`, async () => void cooldown.push(await proveCooldown(scene)))
    await t.test(`M-032 gate${as}`, async () => void gate.push(await proveGate(scene)))
  }
  return {
    retry: agreed(retry),
    fallback: agreed(fallback),
    cooldown: agreed(cooldown),
    gate: gateOf(gate[0] ?? '', gate[1]),
  }
}

/** Sends this path form, and the canonical one, about the same or equal things; gives what arrived of each. */
const targets = async (cast: Cast, route: Route, path: string): Promise<readonly string[]> => {
  const group = leadOf(route)
  const seen: string[] = []
  for (const form of [route.paths[0] ?? '', path]) {
    const props = await cast.props(route, group)
    cast.clear()
    const reply = await cast.send(requestFor(route, { group, props, path: form }))
    assert.equal(reply.status, 200, `${form}: ${reply.text.slice(0, 300)}`)
    assertNothingRefused(cast.lead.requests)
    const [hit, ...more] = cast.lead.requests
    assert.equal(more.length, 0)
    const named = Object.entries(props)
    const unnamed = named.reduce((text, [prop, id]) => text.replaceAll(id, `<${prop}>`), hit?.target ?? '')
    seen.push(`${hit?.method} ${unnamed.replace(/[0-9a-f]{32}/g, '<made>')}`)
  }
  return seen
}

const proveAlias = async (cast: Cast, route: Route, path: string): Promise<void> => {
  const [canonical, alias] = await targets(cast, route, path)
  assert.equal(alias, canonical)
}

test('every row of the endpoint table has a request that drives it', () => {
  assert.deepEqual(Object.keys(RECIPES).sort(), ROUTES.map(route => route.name).sort())
})

test('every endpoint keeps the promises that `understudy routes` prints', async t => {
  const cast = await raise(t)
  const casts: Readonly<Record<Tongue, Cast>> = {
    openai: cast,
    anthropic: await raise(t, 'anthropic'),
    gemini: await raise(t, 'gemini'),
  }
  const proven: RouteLine[] = []
  for (const route of ROUTES) {
    const cast = casts[tongueOf(route)]
    await t.test(route.name, async inner => {
      const cells = await prove(inner, cast, route)
      proven.push({ method: route.method, path: route.paths[0] ?? '', ...cells })
    })
    for (const path of route.paths.slice(1))
      await t.test(`${route.name} as ${path}`, () => proveAlias(cast, route, path))
  }
  for (const route of NATIVE_ROUTES) {
    await t.test(`${route.method} ${route.paths[0]}`, async inner => {
      const cells = await proveVerbatim(inner, cast, route)
      proven.push({ method: route.method, path: route.paths[0] ?? '', ...cells })
    })
  }
  await t.test('the printed table is what was proven, row by row, without an empty cell', () => {
    assert.deepEqual(routeTable(), proven)
    for (const line of proven) for (const cell of Object.values(line)) assert.notEqual(cell, '')
  })
  await t.test('M-020 vectors never cross to another model', () => proveStranded(cast))
})

/** The only fallback is another embedding model: the client gets the primary's failure, the other sees nothing. */
const proveStranded = async (cast: Cast): Promise<void> => {
  const route = routeNamed('embeddings')
  cast.clear()
  cast.lead.script(always({ kind: 'status', status: 503 }))
  const reply = await cast.send(requestFor(route, { group: STRANDED_VECTORS }))
  assertErrorShape(reply, 503)
  assert.equal(cast.lead.requests.length, 2)
  assert.equal(cast.backup.requests.length, 0)
  cast.clear()
  assert.equal((await cast.send(requestFor(route, { group: OTHER_VECTORS }))).status, 200)
  assert.equal(cast.backup.requests.length, 1, 'asked by its own name the other model serves')
}
