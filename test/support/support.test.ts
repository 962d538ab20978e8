import assert from 'node:assert/strict'
import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { startStage } from '../../src/stage/stage.ts'
import { assertNoCanary, assertNothingRefused, plant } from './canary.ts'
import { deployment, MASTER_KEY, play, type StartOptions } from './harness.ts'
import { openRaw } from './raw.ts'

/** A stand-in gateway: passes the body on to the first api_base of the configuration. */
const passThrough = (seen: StartOptions[]) => async (options: StartOptions) => {
  seen.push(options)
  const config = JSON.parse(await readFile(options.configPath, 'utf8'))
  const { api_base: base, api_key: key } = config.model_list[0].litellm_params
  const server = createServer(async (request, response) => {
    const body = await Array.fromAsync(request)
    const answer = await fetch(base + request.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: Buffer.concat(body),
    })
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
  })
  server.listen(0, options.host)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${port}`, close }
}

const aPlay = (t: TestContext, seen: StartOptions[]) =>
  play(t, {
    stages: { lead: {}, backup: { flavour: 'azure', models: ['prod'] } },
    config: stages => ({
      model_list: [deployment('star', stages.lead, 'gpt-4.1'), deployment('star', stages.backup, 'prod')],
    }),
    start: passThrough(seen),
  })

test('play starts the stages, then the gateway with a configuration that names them', async t => {
  const seen: StartOptions[] = []
  const { ask, stages } = await aPlay(t, seen)
  const reply = await ask('/chat/completions', {
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'Hello' }],
  })
  assert.equal(reply.status, 200)
  assert.equal(reply.json().object, 'chat.completion')
  assert.equal(stages.lead.requests.length, 1)
  assert.equal(stages.backup.requests.length, 0)
  assert.equal(seen[0]?.env.LITELLM_MASTER_KEY, MASTER_KEY)
})

test('nothing of a play is left behind', async t => {
  const seen: StartOptions[] = []
  let url = ''
  await t.test('inside', async inner => {
    url = (await aPlay(inner, seen)).url
  })
  await assert.rejects(openRaw(url))
  await assert.rejects(access(seen[0]?.configPath ?? '/'))
})

test('a canary is found in the body, a header and the target, in plain and in base64', async t => {
  const stage = await startStage()
  t.after(() => stage.close())
  const canary = plant('metadata.team')
  const send = async (path: string, headers: [string, string][], body: string) => {
    stage.clear()
    const client = await openRaw(stage.origin)
    await client.request({ path, headers, body })
    await client.head()
    client.leave()
  }
  const base64 = Buffer.from(canary.text).toString('base64')
  const leaks: [string, [string, string][], string][] = [
    ['/v1/x', [], `{"metadata":"${canary.text}"}`],
    ['/v1/x', [['x-team', canary.text]], '{}'],
    [`/v1/x?team=${canary.text}`, [], '{}'],
    ['/v1/x', [], `{"metadata":"${base64}"}`],
  ]
  for (const [path, headers, body] of leaks) {
    await send(path, headers, body)
    assert.throws(() => assertNoCanary(stage.requests, [canary]), /metadata\.team/)
  }
  await send('/v1/x', [], '{}')
  assertNoCanary(stage.requests, [canary])
  assert.throws(() => assertNothingRefused(stage.requests), /API key/)
  stage.clear()
  assert.throws(() => assertNoCanary(stage.requests, [canary]), /nothing was searched/)
})

test('a credential is excused only where its provider puts it', async t => {
  const secret = plant('api_key', 'sk-')
  const stage = await startStage({ key: secret.text })
  t.after(() => stage.close())
  const client = await openRaw(stage.origin)
  await client.request({ path: '/v1/models', headers: [['authorization', `Bearer ${secret.text}`]] })
  await client.head()
  client.leave()
  assert.throws(() => assertNoCanary(stage.requests, [secret]), /header authorization/)
  assertNoCanary(stage.requests, [secret], {
    except: (_, __, where) => where.kind === 'header' && where.name === 'authorization',
  })
})
