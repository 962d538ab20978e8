import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, chown, constants, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startStage } from '../src/stage/stage.ts'
import { VERSION } from '../src/version.ts'
import { deployment, MASTER_KEY, temporaryDirectory } from './support/harness.ts'
import { freePort, LAUNCHER, ran, served, understudy } from './support/process.ts'
import { openRaw } from './support/raw.ts'

const ONE_MODEL = {
  model_list: [
    {
      model_name: 'star',
      litellm_params: { model: 'openai/gpt-4.1', api_base: 'http://127.0.0.1:9/v1', api_key: 'k' },
    },
  ],
}

const alive = async (url: string): Promise<string> =>
  (await fetch(`${url}/health/liveliness`, { headers: { connection: 'close' } })).text()

const aliveSoon = async (url: string): Promise<void> => {
  const late = performance.now() + 20_000
  for (;;) {
    const text = await alive(url).catch(() => '')
    if (text === '"I\'m alive!"') return
    assert.ok(performance.now() < late, `nothing answers at ${url}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** A folder with a configuration, where a command is run. */
const folderWith = async (t: TestContext, config: object | string = ONE_MODEL): Promise<string> => {
  const folder = await temporaryDirectory(t)
  await writeFile(join(folder, 'config.yaml'), typeof config === 'string' ? config : JSON.stringify(config))
  return folder
}

test('the gateway is alive soon after it was started', async t => {
  const cwd = await folderWith(t)
  const port = await freePort()
  const began = performance.now()
  understudy(t, { args: ['serve', '--port', String(port)], cwd, env: { NODE_DISABLE_COMPILE_CACHE: '1' } })
  await aliveSoon(`http://127.0.0.1:${port}`)
  t.diagnostic(`alive ${Math.round(performance.now() - began)} ms after the process was started`)
})

test('the names of .env count where the environment has none, unless LITELLM_MODE is PRODUCTION', async t => {
  const model = { model: 'openai/gpt-4.1', api_base: 'os.environ/BASE', api_key: 'os.environ/OF_THE_FILE' }
  const cwd = await folderWith(t, { model_list: [{ model_name: 'star', litellm_params: model }] })
  await writeFile(join(cwd, '.env'), 'OF_THE_FILE=sk-1\nBASE=nonsense\n')
  const BASE = 'http://127.0.0.1:9/v1'
  const read = await ran(t, { args: ['check', 'config.yaml'], cwd, env: { BASE } })
  assert.equal(read.code, 0, read.stdout)
  assert.doesNotMatch(read.stdout, /OF_THE_FILE/)
  const without = await ran(t, { args: ['check'], cwd, env: { BASE, LITELLM_MODE: 'PRODUCTION' } })
  assert.match(without.stdout, /OF_THE_FILE/)
})

test('a first start without a master key makes one, shows it once, keeps it private and stays on this machine', async t => {
  const cwd = await folderWith(t)
  const args = ['serve', '--port', '0']
  const first = understudy(t, { args, cwd })
  const [, url = ''] = await first.said(/listens on (http:\S+) \(this machine only\)/)
  const path = join(cwd, '.understudy', 'master.key')
  const key = (await readFile(path, 'utf8')).trim()
  assert.match(key, /^sk-[\w-]{32,}$/)
  assert.equal(first.stderr().split(key).length, 2, 'the key is shown once')
  assert.ok(!first.stdout().includes(key), 'the key is not in the log')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(join(cwd, '.understudy'))).mode & 0o777, 0o700)
  const asked = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
  assert.equal(asked.status, 200)
  await asked.text()
  await assert.rejects(openRaw(url.replace('127.0.0.1', '127.0.0.2')), /ECONNREFUSED/)
  first.kill('SIGTERM')
  assert.deepEqual(await first.ended, { code: 0, signal: null })

  const second = understudy(t, { args, cwd })
  const [, again = ''] = await second.said(/listens on (http:\S+)/)
  assert.ok(!second.stderr().includes(key), 'the second start does not show it')
  const kept = await fetch(`${again}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
  assert.equal(kept.status, 200)
})

test('the console tells address, data directory, load report and what each group falls back to', async t => {
  const running = await served(t, {
    config: {
      model_list: [
        ...ONE_MODEL.model_list,
        { ...ONE_MODEL.model_list[0], model_name: 'second' },
        { ...ONE_MODEL.model_list[0], model_name: 'third' },
      ],
      router_settings: { num_retries: 2, fallbacks: [{ star: ['second', 'third'] }], num_retrie: 1 },
    },
  })
  await running.said(/understudy check/)
  const text = running.stderr()
  assert.match(text, /config\.yaml:\d+:\d+ +warning +router_settings\.num_retrie/)
  assert.match(text, /listens on http:\/\/127\.0\.0\.1:\d+ \(this machine only\)/)
  assert.ok(text.includes(`data    ${running.dataDir}`))
  assert.match(text, /star {4}1 deployment, up to 2 retries, then → second → third\n/)
  assert.match(text, /second {2}1 deployment, up to 2 retries, no fallback\n/)
  assert.equal(running.stdout(), '', 'standard output is the log, and nothing has happened')
})

test('a public address without a master key is refused', async t => {
  const cwd = await folderWith(t)
  const { code, stderr } = await ran(t, { args: ['serve', '--host', '0.0.0.0', '--port', '0'], cwd })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /Without general_settings\.master_key .* loopback only, not on 0\.0\.0\.0: set the key/,
  )
  assert.deepEqual(await readdir(cwd), ['config.yaml'])
})

test('a configuration with errors ends the start with their places', async t => {
  const cwd = await folderWith(
    t,
    'model_list:\n  - model_name: star\n    litellm_params: { model: openai/x, api_key: k, tpm: many }\n',
  )
  for (const args of [['serve'], ['check'], ['serve', '--validate_config']]) {
    const { code, stdout, stderr } = await ran(t, { args, cwd })
    assert.equal(code, 1)
    assert.match(stdout + stderr, /config\.yaml:3:\d+ +error +model_list\[0\]\.litellm_params\.tpm +must be/)
  }
  assert.deepEqual(await readdir(cwd), ['config.yaml'])
})

test('a missing configuration file is one clear line', async t => {
  const cwd = await temporaryDirectory(t)
  for (const args of [
    ['serve', '--config', 'gone.yaml'],
    ['check', 'gone.yaml'],
  ]) {
    const { code, stdout, stderr } = await ran(t, { args, cwd })
    assert.equal(code, 1)
    assert.match(stdout + stderr, /cannot read gone\.yaml: there is no such file/)
    assert.ok(!/\n\s+at /.test(stderr), 'no stack')
  }
})

test('a taken port is one clear sentence, with one process and with several', async t => {
  const cwd = await folderWith(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => new Promise<void>(resolve => taken.close(() => resolve())))
  const { port } = taken.address() as { port: number }
  for (const more of [[], ['--workers', '2']]) {
    const { code, stderr } = await ran(t, { args: ['serve', '--port', String(port), ...more], cwd })
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`Port ${port} is taken: choose another one with --port`))
    assert.ok(!/\n\s+at /.test(stderr), 'no stack')
  }
})

test('several workers do not share a port with another gateway unnoticed', async t => {
  const running = await served(t, { config: ONE_MODEL, args: ['--workers', '2'] })
  const { port } = new URL(running.url)
  const { code, stderr } = await ran(t, {
    args: ['serve', '--port', port, '--workers', '2', '--host', '127.0.0.1'],
    cwd: await folderWith(t),
  })
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`Port ${port} is taken`))
})

test('the environment says what flags can say', async t => {
  const folder = await folderWith(t)
  const port = await freePort()
  const running = understudy(t, {
    args: [],
    cwd: await temporaryDirectory(t),
    env: {
      CONFIG_FILE_PATH: join(folder, 'config.yaml'),
      PORT: String(port),
      HOST: '127.0.0.1',
      NUM_WORKERS: '2',
      UNDERSTUDY_DATA_DIR: join(folder, 'state'),
      LITELLM_LOG: 'ERROR',
    },
  })
  await running.said(new RegExp(`listens on http://127\\.0\\.0\\.1:${port} .*with 2 workers`))
  assert.ok((await readdir(join(folder, 'state'))).includes('master.key'))
  const { code, stderr } = await ran(t, { args: [], env: { PORT: 'four' } })
  assert.equal(code, 1)
  assert.match(stderr, /'four' .*PORT.*whole number/)
})

test("LiteLLM's flags are understood, told to have no effect, or refused with where they belong", async t => {
  const cwd = await folderWith(t)
  const running = understudy(t, {
    args: [
      ...['--config', 'config.yaml', '--port', '0', '--num_workers', '2', '--detailed_debug'],
      ...['--telemetry', 'False', '--run_gunicorn', '--max_requests_before_restart', '1000'],
    ],
    cwd,
  })
  await running.said(/with 2 workers/)
  for (const name of ['telemetry', 'run_gunicorn', 'max_requests_before_restart'])
    assert.match(running.stderr(), new RegExp(`^Without effect: --${name}: .+$`, 'm'))
  for (const args of [['--model', 'gpt-4.1'], ['--ssl_keyfile_path', 'key.pem'], ['--drop_params']]) {
    const { code, stderr } = await ran(t, { args, cwd })
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`^Not supported here: ${args[0]}: `, 'm'))
  }
  const unknown = await ran(t, { args: ['--no_such_flag'], cwd })
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /unknown option '--no_such_flag'/)
})

test('the small commands answer and end', async t => {
  const cwd = await folderWith(t)
  const version = await ran(t, { args: ['--version'], cwd })
  assert.deepEqual([version.code, version.stdout], [0, `${VERSION}\n`])
  const check = await ran(t, { args: ['check', 'config.yaml'], cwd })
  assert.equal(check.code, 0)
  assert.match(check.stdout, /Config OK: 1 deployment;/)
  const routes = await ran(t, { args: ['routes'], cwd })
  assert.equal(routes.code, 0)
  assert.match(routes.stdout, /\/v1\/responses\/compact/)
  const explain = await ran(t, { args: ['explain', 'nobody'], cwd })
  assert.equal(explain.code, 1)
  assert.match(explain.stdout, /There is no request log at/)
  assert.deepEqual(await readdir(cwd), ['config.yaml'])
})

test('a real failover is explained from the data directory and from a log on standard input', async t => {
  const lead = await startStage({ name: 'lead' })
  const backup = await startStage({ name: 'backup' })
  t.after(() => Promise.all([lead.close(), backup.close()]))
  lead.script([{ kind: 'status', status: 503 }])
  const running = await served(t, {
    config: {
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('second', backup, 'gpt-4.1-mini')],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }] },
    },
  })
  const answer = await fetch(`${running.url}/v1/responses/compact`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'star', input: 'Line, please.' }),
  })
  assert.equal(answer.status, 200)
  await answer.text()
  const id = answer.headers.get('x-litellm-call-id') ?? ''
  running.kill('SIGTERM')
  assert.equal((await running.ended).code, 0)
  assert.match(running.stdout(), new RegExp(`"callId":"${id}"`))

  const told = await ran(t, { args: ['explain', id, '--data-dir', running.dataDir] })
  assert.equal(told.code, 0)
  assert.match(told.stdout, /star → openai\/gpt-4\.1 /)
  assert.match(told.stdout, /failed: .*, 503/)
  assert.match(told.stdout, /then: fallback star → second/)
  assert.match(told.stdout, /The client got the whole answer from second/)

  const piped = understudy(t, { args: ['explain', id, '--file', '-'] })
  piped.stdin(running.stdout())
  assert.equal((await piped.ended).code, 0)
  assert.equal(piped.stdout(), told.stdout)
})

test('a stage takes its models and its script from the command line', async t => {
  const folder = await temporaryDirectory(t)
  await writeFile(join(folder, 'script.json'), '[{"kind":"status","status":418}]')
  const args = ['stage', '--port', '0', '--models', 'lear', 'hamlet', '--script-file', 'script.json']
  const stage = understudy(t, { args, cwd: folder })
  const [, base = ''] = await stage.logged(/listens at (http:\S+)/)
  await stage.logged(/1 scripted fault waits/)
  const ask = async (model: string): Promise<number> => {
    const answer = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-stage', 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Line, please.' }] }),
    })
    await answer.text()
    return answer.status
  }
  assert.deepEqual([await ask('lear'), await ask('hamlet'), await ask('ophelia')], [418, 200, 404])
  const broken = await ran(t, { args: [...args.slice(0, -1), 'gone.json'], cwd: folder })
  assert.equal(broken.code, 1)
  assert.ok(!/\n\s+at /.test(broken.stderr), 'no stack')
})

/** A Node on this machine that is too old for the sources; undefined when there is none. */
const oldNode = async (): Promise<string | undefined> => {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (!there) continue
    const [major = 0] = execFileSync(path, ['--version'], { encoding: 'utf8' })
      .slice(1)
      .split('.')
      .map(Number)
    if (major < 22) return path
  }
  return undefined
}

test('the launcher brings its own Node, passes signals on and hands back the exit code', async t => {
  const node = (await oldNode()) ?? process.execPath
  t.diagnostic(`launched with ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)
  const command = [node, LAUNCHER] as const
  const version = await ran(t, { args: ['--version'], command })
  assert.deepEqual([version.code, version.stdout], [0, `${VERSION}\n`])
  assert.equal((await ran(t, { args: ['check', 'gone.yaml'], command })).code, 1)
  const running = await served(t, { config: ONE_MODEL, command })
  assert.equal(await alive(running.url), '"I\'m alive!"')
  running.kill('SIGHUP')
  running.kill('SIGTERM')
  assert.deepEqual(await running.ended, { code: 0, signal: null })
})

test('npm start hands its flags and signals on', async t => {
  const folder = await folderWith(t)
  const running = understudy(t, {
    command: ['npm', 'start'],
    args: [
      '--',
      ...['--config', join(folder, 'config.yaml'), '--port', '0', '--host', '127.0.0.1'],
      ...['--data-dir', join(folder, 'data')],
    ],
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { HOME: folder },
  })
  const [, url = ''] = await running.said(/listens on (http:\S+)/)
  assert.equal(await alive(url), '"I\'m alive!"')
  running.kill('SIGTERM')
  await running.said(/Stopping\./)
  assert.equal((await running.ended).code, 0)
})

test('the gateway writes inside its data directory only, as any user', async t => {
  const asRoot = process.getuid?.() === 0
  const cwd = await folderWith(t)
  const dataDir = join(await temporaryDirectory(t), 'data')
  if (asRoot) {
    await chown(join(dataDir, '..'), 65_534, 65_534)
    await chmod(cwd, 0o755)
  } else await chmod(cwd, 0o555)
  const before = await readdir(cwd)
  const running = understudy(t, {
    args: ['serve', '--port', '0', '--data-dir', dataDir],
    cwd,
    ...(asRoot ? { uid: 65_534 } : {}),
  })
  const [, url = ''] = await running.said(/listens on (http:\S+)/)
  const key = (await readFile(join(dataDir, 'master.key'), 'utf8')).trim()
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'star', messages: [{ role: 'user', content: 'Line, please.' }] }),
  })
  assert.equal(answer.status, 500, 'nothing listens behind it')
  await answer.text()
  running.kill('SIGTERM')
  assert.equal((await running.ended).code, 0)
  await chmod(cwd, 0o755)
  assert.deepEqual(await readdir(cwd), before)
  assert.deepEqual((await readdir(dataDir, { recursive: true })).sort(), [
    'log',
    join('log', 'requests.jsonl'),
    'master.key',
  ])
  if (!asRoot) return
  const locked = await ran(t, { args: ['serve', '--port', '0'], cwd, uid: 65_534 })
  assert.equal(locked.code, 1)
  assert.match(locked.stderr, /The data directory cannot be written \(\.understudy\): choose another one/)
})
