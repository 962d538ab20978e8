import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import { isAlive, needsProc, socketsOf, workersOf } from './support/crew.ts'
import { MASTER_KEY, temporaryDirectory } from './support/harness.ts'
import { until } from './support/inside.ts'
import { ran, type Served, served, understudy } from './support/process.ts'
import { type Puppet, type PuppetCall, startPuppet } from './support/puppet.ts'
import { openRaw, type RawClient } from './support/raw.ts'
import { chat } from './support/steady.ts'

const startTwo = async (t: TestContext) => {
  const puppet = await startPuppet(t)
  const gateway = await served(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'k' },
        },
      ],
      router_settings: { num_retries: 0 },
    },
    args: ['--workers', '2'],
  })
  return { puppet, gateway }
}

const CHUNK = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4.1',
  choices: [{ index: 0, delta: { content: 'To be' }, finish_reason: null }],
})}\n\n`

const END = `${CHUNK.replace('"finish_reason":null', '"finish_reason":"stop"')}data: [DONE]\n\n`

type Open = { readonly client: RawClient; readonly call: PuppetCall }

const openStream = async (gateway: Served, puppet: Puppet): Promise<Open> => {
  const client = await openRaw(gateway.url, 20_000)
  await client.request({
    path: '/v1/chat/completions',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: chat('star', { stream: true }),
  })
  const call = await puppet.next()
  call.events()
  await call.write(CHUNK)
  assert.equal((await client.head()).status, 200)
  await client.event()
  return { client, call }
}

test('both workers take connections, and a SIGTERM lets the streams of both finish', needsProc, async t => {
  const { puppet, gateway } = await startTwo(t)
  const workers = workersOf(gateway)
  assert.equal(workers.length, 2)
  assert.equal(gateway.stderr().match(/listens on/g)?.length, 1, 'one of the processes speaks')
  const before = workers.map(socketsOf)
  const streams: Open[] = []
  for (let n = 0; n < 24; n++) streams.push(await openStream(gateway, puppet))
  for (const [at, worker] of workers.entries())
    assert.ok(socketsOf(worker) > (before[at] ?? 0), `worker ${at + 1} took connections`)
  gateway.kill('SIGTERM')
  await gateway.said(/Stopping/)
  for (const { call } of streams) call.end(END)
  for (const { client } of streams) {
    const events = await client.events()
    assert.equal(events.at(-1)?.data, '[DONE]')
  }
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  assert.ok(!workers.some(isAlive))
  const lines = (await readFile(requestLogPath(gateway.dataDir), 'utf8')).trimEnd().split('\n')
  assert.equal(lines.length, 24)
  for (const line of lines) assert.equal(JSON.parse(line).end, 'complete')
})

test('a worker that was killed is replaced, and the other one goes on meanwhile', needsProc, async t => {
  const { gateway } = await startTwo(t)
  const [victim = 0, other = 0] = workersOf(gateway)
  process.kill(victim, 'SIGKILL')
  await gateway.said(/A worker ended \(SIGKILL\); another one starts in 1 s\./)
  assert.equal((await fetch(`${gateway.url}/health/readiness`)).status, 200)
  await until('two workers again', () => workersOf(gateway).length === 2, 20_000)
  const now = workersOf(gateway)
  assert.ok(now.includes(other) && !now.includes(victim))
  const heir = now.find(pid => pid !== other) ?? 0
  // It listens: only then it has more than its channel to the parent.
  await until('the new worker listens', () => socketsOf(heir) > 1, 20_000)
  gateway.kill('SIGTERM')
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
})

test('workers whose parent was killed finish what they have and end', needsProc, async t => {
  const { puppet, gateway } = await startTwo(t)
  const workers = workersOf(gateway)
  const { client, call } = await openStream(gateway, puppet)
  gateway.kill('SIGKILL')
  await until('the idle worker has ended', () => workers.filter(isAlive).length === 1, 20_000)
  call.end(END)
  const events = await client.events()
  assert.equal(events.at(-1)?.data, '[DONE]')
  await until('both have ended', () => !workers.some(isAlive), 20_000)
})

test('a reload reaches every worker', needsProc, async t => {
  const { gateway } = await startTwo(t)
  const config = JSON.parse(await readFile(gateway.configPath, 'utf8'))
  config.model_list.push({ ...config.model_list[0], model_name: 'second' })
  await writeFile(gateway.configPath, JSON.stringify(config))
  gateway.kill('SIGHUP')
  await gateway.logged(/(?:"msg":"Configuration reloaded\."[\s\S]*){2}/)
})

test(
  'a reload while workers start ends none of them, the first ones or a dead one’s heir',
  needsProc,
  async t => {
    const cwd = await temporaryDirectory(t)
    const config = {
      model_list: [{ model_name: 'star', litellm_params: { model: 'openai/x', api_key: 'k' } }],
    }
    await writeFile(join(cwd, 'config.yaml'), JSON.stringify(config))
    const gateway = understudy(t, { args: ['--workers', '2', '--port', '0'], cwd })
    await until('two workers that start', () => workersOf(gateway).length === 2, 20_000)
    gateway.kill('SIGHUP')
    await gateway.said(/listens on .*2 workers/)
    const [victim = 0, other = 0] = workersOf(gateway)
    process.kill(victim, 'SIGKILL')
    const heir = () => workersOf(gateway).find(pid => pid !== other && pid !== victim)
    await until('another worker starts', () => heir() !== undefined, 20_000)
    const started = heir() ?? 0
    gateway.kill('SIGHUP')
    await until('it listens', () => !isAlive(started) || socketsOf(started) > 1, 20_000)
    assert.ok(isAlive(started))
    assert.equal(gateway.stderr().match(/A worker (?:ended|did not start)/g)?.length, 1)
  },
)

test('one key is made for all workers, and shown once', async t => {
  const cwd = await temporaryDirectory(t)
  const config = { model_list: [{ model_name: 'star', litellm_params: { model: 'openai/x', api_key: 'k' } }] }
  await writeFile(join(cwd, 'config.yaml'), JSON.stringify(config))
  const gateway = understudy(t, { args: ['--workers', '2', '--port', '0'], cwd })
  const [, url = ''] = await gateway.said(/listens on (http:\S+) .*2 workers/)
  const key = (await readFile(join(cwd, '.understudy', 'master.key'), 'utf8')).trim()
  assert.equal(gateway.stderr().split(key).length, 2)
  assert.deepEqual(await readdir(join(cwd, '.understudy')), ['master.key'])
  // Enough connections that one worker with another key would be met.
  for (let n = 0; n < 16; n++) {
    const headers = { authorization: `Bearer ${key}`, connection: 'close' }
    const answer = await fetch(`${url}/v1/models`, { headers })
    assert.equal(answer.status, 200)
    await answer.text()
  }
})

test('a configuration with errors ends the parent with 1 and one report', async t => {
  const cwd = await temporaryDirectory(t)
  await writeFile(
    join(cwd, 'config.yaml'),
    'model_list:\n  - model_name: star\n    litellm_params: { rpm: x }\n',
  )
  const { code, stderr } = await ran(t, { args: ['--workers', '3', '--port', '0'], cwd })
  assert.equal(code, 1)
  assert.equal(stderr.match(/Must be mended before the file is accepted/g)?.length, 1)
})
