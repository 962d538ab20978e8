import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { RouteLine } from '../../src/cli/routes.ts'
import type { Route } from '../../src/routes.ts'
import type { Stage } from '../../src/stage/stage.ts'
import { type Cast, sendTo, steadily } from './cast.ts'
import { deployment, play } from './harness.ts'
import { always } from './proofs.ts'
import { type ClientRequest, requestFor, routeNamed } from './requests.ts'

type Cells = Omit<RouteLine, 'method' | 'path'>

const isAzure = (route: Route): boolean => (route.paths[0] ?? '').startsWith('/azure/')

/** The provider's own path behind a pass-through prefix, for one method. Providers have no PUT, PATCH or DELETE there. */
export const nativeRequest = (route: Route): ClientRequest => {
  const prefix = (route.paths[0] ?? '').replace(/\*$/, '')
  const root = isAzure(route) ? 'openai/v1/' : 'v1/'
  const posted = route.method === 'POST'
  return {
    method: route.method,
    path: `${prefix}${root}${posted ? 'embeddings' : 'files?limit=1'}`,
    headers: posted ? [['content-type', 'application/json']] : [],
    ...(posted ? { body: Buffer.from('{"model":"text-embedding-3-small", "input" : "one"}') } : {}),
  }
}

const known = (route: Route): boolean => route.method === 'GET' || route.method === 'POST'

type Scene = { readonly cast: Cast; readonly stage: Stage; readonly route: Route }

/** Whatever the provider answered is the answer, byte for byte, and is nobody's failure. */
const proveAnswers = async ({ cast, stage, route }: Scene): Promise<void> => {
  const request = nativeRequest(route)
  const text = '{"error": {"message" : "busy"}}'
  const headers = { 'content-type': 'application/json' }
  cast.clear()
  stage.script(always({ kind: 'status', status: 503, body: text, headers }))
  for (const count of [1, 2, 3]) {
    const reply = await cast.send(request)
    assert.deepEqual([reply.status, reply.text], [503, text])
    assert.equal(stage.requests.length, count, 'one request, one attempt, and nobody rests')
  }
  assert.equal(cast.lead.requests.length + cast.spare.requests.length + cast.backup.requests.length, 3)
  cast.clear()
  const right = await cast.send(request)
  assert.equal(right.status, known(route) ? 200 : 405, right.text)
  assert.deepEqual(
    stage.requests.map(hit => hit.text),
    [request.body?.toString() ?? ''],
  )
}

/** Azure's dated paths need their api-version, which on other routes is for the gateway. */
const proveQuery = async ({ cast, stage, route }: Scene): Promise<void> => {
  if (!isAzure(route) || route.method !== 'POST') return
  const path = '/azure/openai/deployments/prod/embeddings?api-version=2024-10-21'
  const body = Buffer.from('{"input":"one"}')
  cast.clear()
  const reply = await cast.send({
    method: 'POST',
    path,
    headers: [['content-type', 'application/json']],
    body,
  })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(stage.requests[0]?.target, path.slice('/azure'.length))
}

/** Without an answer there is nothing to pass on: the same deployment is asked again, up to the first byte. */
const proveConnections = async ({ cast, stage, route }: Scene): Promise<void> => {
  cast.clear()
  // The connection that was kept, and the fresh one that the request is sent on again: together one failure.
  const reset = { kind: 'reset', when: 'before-headers' } as const
  stage.script([reset, reset])
  const reply = await cast.send(nativeRequest(route))
  assert.equal(reply.status, known(route) ? 200 : 405, reply.text)
  assert.equal(reply.headers['x-litellm-attempted-retries'], '1')
  assert.equal(stage.requests.length, 3)
  if (!known(route)) return
  cast.clear()
  stage.script([{ kind: 'reset', when: 'after-headers' }])
  assert.equal((await cast.send(nativeRequest(route))).status, 200)
  assert.equal(stage.requests.length, 2)
  cast.clear()
  stage.script([{ kind: 'cut', how: 'rst' }])
  const client = await cast.open(nativeRequest(route))
  assert.equal((await client.head()).status, 200)
  await assert.rejects(client.body(), /the connection ended/, 'a truncated body passed for a whole one')
  assert.equal(stage.requests.length, 1)
}

/** A provider that could not be reached is asked again, and model calls go to its sibling meanwhile. */
const proveRest = async (t: TestContext, route: Route): Promise<void> => {
  const flavour = isAzure(route) ? 'azure' : 'openai'
  const rests = { model_info: { allowed_fails: 0, cooldown_time: 600 } }
  const started = await play(t, {
    stages: { lead: { flavour, models: ['*'] }, spare: { flavour, models: ['*'] } },
    config: ({ lead, spare }) => ({
      model_list: [
        { ...deployment('pair', lead, 'text-embedding-3-small'), ...rests },
        { ...deployment('pair', spare, 'text-embedding-3-small'), ...rests },
      ],
      router_settings: { num_retries: 0 },
    }),
    start: steadily,
  })
  const { send } = sendTo(started)
  const { lead, spare } = started.stages
  lead.script([{ kind: 'reset', when: 'before-headers' }])
  assert.equal((await send(nativeRequest(route))).status, 500)
  assert.equal((await send(requestFor(routeNamed('embeddings'), { group: 'pair' }))).status, 200)
  assert.deepEqual([lead.requests.length, spare.requests.length], [1, 1], 'a resting deployment was asked')
  assert.equal((await send(nativeRequest(route))).status, known(route) ? 200 : 405)
  assert.deepEqual([lead.requests.length, spare.requests.length], [2, 1])
}

/** Pass-through rows: the loop is the same one, but every HTTP answer is the answer. */
export const proveVerbatim = async (t: TestContext, cast: Cast, route: Route): Promise<Cells> => {
  const scene = { cast, route, stage: isAzure(route) ? cast.backup : cast.lead }
  await proveAnswers(scene)
  await proveQuery(scene)
  await proveConnections(scene)
  await proveRest(t, route)
  return {
    retry: 'broken connections only',
    fallback: 'no: owned',
    cooldown: 'broken connections count; asked all the same',
    gate: 'first byte',
  }
}
