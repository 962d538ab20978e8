import assert from 'node:assert/strict'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { loadConfig } from '../src/config/load.ts'
import { providers } from '../src/providers/index.ts'
import { type Stage, startStage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play, temporaryDirectory } from './support/harness.ts'
import { inside, until } from './support/inside.ts'
import { served } from './support/process.ts'
import { startPuppet } from './support/puppet.ts'
import { asked, chat } from './support/steady.ts'

let one: Stage
let two: Stage
before(async () => {
  one = await startStage({ name: 'one', models: ['gpt-4.1', 'gpt-4.1-mini'] })
  two = await startStage({ name: 'two', models: ['gpt-4.1', 'gpt-4.1-mini'] })
})
after(() => Promise.all([one.close(), two.close()]))

type ConfigText = { readonly model_list: readonly JsonObject[]; readonly [key: string]: unknown }

const NO_RETRIES = { num_retries: 0 }

/** A gateway whose file is rewritten by the test and loaded when the test says so. */
const reloadable = async (t: TestContext, config: ConfigText, env: Readonly<Record<string, string>> = {}) => {
  one.clear()
  two.clear()
  const gateway = inside()
  const running = await play(t, { config, env, start: gateway.start })
  const reload = async (next: ConfigText | string) => {
    await writeFile(running.configPath, typeof next === 'string' ? next : JSON.stringify(next))
    return gateway.served().reload()
  }
  const now = () => gateway.served().house
  return {
    ...running,
    gateway,
    reload,
    now,
    ask: (model: string) => running.ask('/v1/chat/completions', chat(model)),
  }
}

const lastKey = (stage: Stage): string | undefined => stage.requests.at(-1)?.header('authorization')

test('M-151 signals and file changes under traffic: no request fails, and each one finds one configuration whole', async t => {
  one.clear()
  two.clear()
  const config = (stage: Stage) => ({
    model_list: [deployment('steady', one, 'gpt-4.1'), deployment('moving', stage, 'gpt-4.1-mini')],
    router_settings: NO_RETRIES,
  })
  const gateway = await served(t, { config: config(one) })
  let going = true
  const failures: string[] = []
  let calls = 0
  const call = async (model: string): Promise<void> => {
    calls += 1
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat(model)),
    })
    const text = await answer.text()
    if (answer.status !== 200) failures.push(`${model}: ${answer.status} ${text}`)
  }
  // Some fifty requests a second, whether or not the ones before have been answered.
  const pending: Promise<void>[] = []
  const traffic = (async () => {
    while (going) {
      pending.push(call('steady'), call('moving'))
      await new Promise(resolve => setTimeout(resolve, 40))
    }
  })()
  let reloads = 0
  for (const [signal, stage] of [
    [true, two],
    [false, one],
    [true, two],
    [false, one],
  ] as const) {
    await writeFile(gateway.configPath, JSON.stringify(config(stage)))
    if (signal) gateway.kill('SIGHUP')
    reloads += 1
    await gateway.logged(new RegExp(`(?:"msg":"Configuration reloaded\\."[^]*){${reloads}}`))
    const seen = stage.requests.length
    await call('moving')
    assert.ok(stage.requests.length > seen, 'the next request goes where the new file says')
  }
  going = false
  await traffic
  await Promise.all(pending)
  assert.deepEqual(failures, [])
  t.diagnostic(`${calls} requests over ${reloads} reloads`)
  const { length } = gateway.stdout().match(/Configuration reloaded/g) ?? []
  assert.equal(length, reloads, 'a signal and a noticed change are one reload')
})

test('an invalid file changes nothing and is logged with its places', async t => {
  const good = { model_list: [deployment('star', one, 'gpt-4.1')], router_settings: NO_RETRIES }
  const gateway = await served(t, { config: good })
  await writeFile(
    gateway.configPath,
    'model_list:\n  - model_name: star\n    litellm_params: { model: openai/x, rpm: lots }\n',
  )
  gateway.kill('SIGHUP')
  const [line = ''] = await gateway.logged(/^.*The new configuration has errors.*(?=\n)/m)
  const event = JSON.parse(line)
  assert.equal(event.level, 'error')
  assert.deepEqual(event.notices[0].place, { file: 'config.yaml', line: 3, column: 40 })
  assert.match(event.notices[0].key, /model_list\[0\]\.litellm_params\.rpm/)
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(chat('star')),
  })
  assert.equal(answer.status, 200)
  await answer.text()
})

test('M-152 a cooldown, a call inside and the counters of an unchanged deployment survive a reload', async t => {
  const puppet = await startPuppet(t)
  const slow = {
    model_name: 'slow',
    litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'k' },
  }
  const first = {
    model_list: [
      deployment('star', one, 'gpt-4.1', { order: 1 }),
      deployment('star', two, 'gpt-4.1', { order: 2 }),
      slow,
    ],
    router_settings: { ...NO_RETRIES, cooldown_time: 60 },
  }
  const { ask, reload, now, send } = await reloadable(t, first)
  one.script([{ kind: 'status', status: 429 }])
  assert.equal((await ask('star')).status, 200)
  const [lead, spare, held] = now()
    .config()
    .deployments.map(({ id }) => id)
  assert.ok(lead !== undefined && spare !== undefined && held !== undefined)
  const until429 = now().board.cooling(lead)?.until
  assert.ok(until429 !== undefined, 'the first deployment rests')
  const client = await send({
    path: '/v1/chat/completions',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: chat('slow'),
  })
  const call = await puppet.next()
  const requests = now().board.usage(spare).requests

  const same = await reload({ ...first, litellm_settings: {} })
  assert.ok(same.every(({ level }) => level !== 'error'))
  await reload({
    ...first,
    model_list: [...first.model_list, deployment('more', two, 'gpt-4.1-mini')],
    router_settings: { ...first.router_settings, num_retries: 1 },
  })
  assert.equal(now().config().deployments.length, 4)
  assert.equal(now().board.cooling(lead)?.until, until429)
  assert.equal(now().board.inFlight(held), 1)
  assert.equal(now().board.usage(spare).requests, requests)
  one.clear()
  assert.equal((await ask('star')).status, 200)
  assert.equal(one.requests.length, 0, 'the resting deployment is not asked')
  call.head({ 'content-type': 'application/json' })
  call.end(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-4.1',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Here.' }, finish_reason: 'stop' }],
    }),
  )
  assert.equal((await client.head()).status, 200)
  await client.body()
  await until('the slot is given back', () => now().board.inFlight(held) === 0)
})

/** Maps and functions as JSON can show them. */
const plain = (_key: string, value: unknown): unknown => {
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  if (value instanceof RegExp) return String(value)
  return value
}

test('M-152 after a reload every setting is what a fresh start with the same file has', async t => {
  const { reload, now, configPath } = await reloadable(t, {
    model_list: [deployment('star', one, 'gpt-4.1', { timeout: 5 })],
    router_settings: { num_retries: 3, cooldown_time: 7, enable_pre_call_checks: true },
    litellm_settings: { drop_params: true, request_timeout: 9 },
    general_settings: { max_request_size_mb: 3 },
  })
  await reload({
    model_list: [deployment('star', one, 'gpt-4.1'), deployment('second', two, 'gpt-4.1-mini')],
    router_settings: { fallbacks: [{ star: ['second'] }] },
  })
  const env = { LITELLM_MASTER_KEY: MASTER_KEY }
  const fresh = await loadConfig({ path: configPath, env, providers })
  assert.ok(fresh.config)
  assert.equal(JSON.stringify(now().config(), plain), JSON.stringify(fresh.config, plain))
})

test('M-151 a call inside ends on the configuration it began with; a new one does not know the removed group', async t => {
  const puppet = await startPuppet(t)
  const leaving = {
    model_name: 'leaving',
    litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'k' },
  }
  const staying = deployment('staying', two, 'gpt-4.1')
  const { ask, reload, send } = await reloadable(t, {
    model_list: [leaving, staying],
    router_settings: { ...NO_RETRIES, fallbacks: [{ leaving: ['staying'] }] },
  })
  const open = () =>
    send({
      path: '/v1/chat/completions',
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: chat('leaving', { stream: true }),
    })
  const streaming = await open()
  const stream = await puppet.next()
  const failing = await open()
  const lost = await puppet.next()
  stream.events()
  const chunk = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  await stream.write(chunk({ content: 'To be' }))
  assert.equal((await streaming.head()).status, 200)
  await streaming.event()

  await reload({ model_list: [staying], router_settings: NO_RETRIES })
  const refused = await ask('leaving')
  assert.equal(refused.status, 400)
  assert.match(refused.text, /Invalid model name passed in model=leaving/)
  assert.equal((await ask('staying')).status, 200)

  stream.end(`${chunk({ content: ' or not' })}${chunk({}, 'stop')}data: [DONE]\n\n`)
  const events = await streaming.events()
  assert.equal(events.at(-1)?.data, '[DONE]')
  // The fallbacks of a call are those of its own configuration too.
  lost.reset()
  assert.equal((await failing.head()).status, 200)
  assert.match((await failing.body()).toString(), /understudy knows every line|\[DONE\]/)
})

test('a changed key or address is used by the next request', async t => {
  const { ask, reload } = await reloadable(t, {
    model_list: [deployment('star', one, 'gpt-4.1')],
    router_settings: NO_RETRIES,
  })
  assert.equal((await ask('star')).status, 200)
  await reload({
    model_list: [deployment('star', one, 'gpt-4.1', { api_key: 'sk-another' })],
    router_settings: NO_RETRIES,
  })
  assert.equal((await ask('star')).status, 401)
  assert.equal(lastKey(one), 'Bearer sk-another')
  await reload({ model_list: [deployment('star', two, 'gpt-4.1')], router_settings: NO_RETRIES })
  assert.equal((await ask('star')).status, 200)
  assert.deepEqual(asked(two), ['gpt-4.1'])
})

test('environment_variables of the file count anew at every reload', async t => {
  const config = (key: string) => ({
    environment_variables: { STAR_KEY: key },
    model_list: [deployment('star', one, 'gpt-4.1', { api_key: 'os.environ/STAR_KEY' })],
    router_settings: NO_RETRIES,
  })
  const { ask, reload } = await reloadable(t, config('sk-wrong'), { STAR_KEY: 'sk-outer' })
  assert.equal((await ask('star')).status, 401)
  await reload(config(one.key))
  assert.equal((await ask('star')).status, 200)
  const { environment_variables: _, ...without } = config('')
  await reload(without)
  assert.equal((await ask('star')).status, 401)
  assert.equal(lastKey(one), 'Bearer sk-outer', 'what the file no longer says is forgotten')
})

test('a changed master key holds from the next request on; a removed one is refused', async t => {
  const config = (key: string | undefined) => ({
    model_list: [deployment('star', one, 'gpt-4.1')],
    ...(key === undefined ? {} : { general_settings: { master_key: key } }),
  })
  const gateway = inside()
  const running = await play(t, {
    config: config('sk-first-of-the-two-keys'),
    start: options => gateway.start({ ...options, env: {} }),
  })
  const ask = async (key: string): Promise<number> => {
    const headers = [['authorization', `Bearer ${key}`]] as const
    return (await running.ask('/v1/models', undefined, { headers })).status
  }
  const reload = async (key: string | undefined) => {
    await writeFile(running.configPath, JSON.stringify(config(key)))
    return gateway.served().reload()
  }
  assert.deepEqual(
    [await ask('sk-first-of-the-two-keys'), await ask('sk-second-of-the-two-keys')],
    [200, 401],
  )
  await reload('sk-second-of-the-two-keys')
  assert.deepEqual(
    [await ask('sk-first-of-the-two-keys'), await ask('sk-second-of-the-two-keys')],
    [401, 200],
  )
  const notices = await reload(undefined)
  assert.match(notices.find(({ level }) => level === 'error')?.text ?? '', /master key is gone/)
  assert.equal(await ask('sk-second-of-the-two-keys'), 200)
})

test('a swapped link, as Kubernetes mounts a ConfigMap, is noticed without a signal', async t => {
  one.clear()
  two.clear()
  const mount = await temporaryDirectory(t)
  const publish = async (version: string, stage: Stage): Promise<void> => {
    await mkdir(join(mount, version))
    const config = { model_list: [deployment('star', stage, 'gpt-4.1')], router_settings: NO_RETRIES }
    await writeFile(join(mount, version, 'config.yaml'), JSON.stringify(config))
    await symlink(version, join(mount, '..data_tmp'))
    await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  }
  await publish('..2026_01', one)
  await symlink(join('..data', 'config.yaml'), join(mount, 'config.yaml'))
  const gateway = inside()
  const running = await play(t, {
    config: {},
    start: options => gateway.start({ ...options, configPath: join(mount, 'config.yaml') }),
  })
  const before = gateway.served().house.config()
  assert.equal((await running.ask('/v1/chat/completions', chat('star'))).status, 200)
  await publish('..2026_02', two)
  await until('the new file is in force', () => gateway.served().house.config() !== before, 10_000)
  assert.equal((await running.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.deepEqual([one.requests.length, two.requests.length], [1, 1])
})
