import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * What a user gets: packs the checkout, installs the tarball in an empty folder and runs it there.
 * `npm run test:pack`; not part of `npm test`, because it asks the package registry.
 */

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** As a user's shell has it: none of the checkout's own commands. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  PATH: (process.env.PATH ?? '')
    .split(delimiter)
    .filter(folder => !folder.includes('node_modules'))
    .join(delimiter),
  LITELLM_MASTER_KEY: 'sk-the-key-of-the-pack-test',
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

type Packed = {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
  readonly size: number
}

const pack = async (folder: string): Promise<string> => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: root,
    env,
    maxBuffer: 16 * 1024 * 1024,
  })
  // The scripts that build may speak before the list.
  const listed: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)))
  const [packed] = (Array.isArray(listed) ? listed : Object.values(listed as object)) as Packed[]
  assert.ok(packed)
  const paths = packed.files.map(({ path }) => path)
  for (const needed of ['LICENSE', 'README.md', 'bin/understudy.js', 'config.example.yaml', 'dist/main.js'])
    assert.ok(paths.includes(needed), `${needed} is missing`)
  const strays = paths.filter(path =>
    /(^|\/)(src|test|bench)\/|\.test\.|\.fixture\.|testing\.js|sample\.js/.test(path),
  )
  assert.deepEqual(strays, [], 'what is only for development stays at home')
  say(`packed ${packed.filename}: ${paths.length} files, ${Math.round(packed.size / 1024)} kB`)
  return join(folder, packed.filename)
}

const understudy = async (folder: string, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await run('npx', ['--no-install', 'understudy', ...args], { cwd: folder, env })
  return stdout
}

/** Starts a command of the installed package; resolves with the first match in what it says. */
const started = async (folder: string, args: readonly string[], pattern: RegExp) => {
  const child = spawn(join(folder, 'node_modules', '.bin', 'understudy'), args, { cwd: folder, env })
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    let text = ''
    const hear = (piece: Buffer): void => {
      text += piece.toString()
      const match = pattern.exec(text)
      if (match !== null) resolve(match)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('exit', code => reject(new Error(`understudy ${args.join(' ')} ended with ${code}:\n${text}`)))
  })
  const end = (): Promise<number | null> =>
    new Promise(resolve => {
      child.removeAllListeners('exit')
      child.on('exit', code => resolve(code))
      child.kill('SIGTERM')
    })
  return { found, end }
}

const config = (base: string): string => `model_list:
  - model_name: star
    litellm_params: { model: openai/gpt-4.1, api_base: "${base}", api_key: sk-stage }
`

const serveOne = async (folder: string): Promise<void> => {
  const stage = await started(folder, ['stage', '--port', '0'], /listens at (http:\S+)/)
  await writeFile(join(folder, 'config.yaml'), config(stage.found[1] ?? ''))
  say((await understudy(folder, 'check', 'config.yaml')).trimEnd().split('\n').at(-1) ?? '')
  const gateway = await started(
    folder,
    ['serve', '--port', '0', '--host', '127.0.0.1'],
    /listens on (http:\S+)/,
  )
  const answer = await fetch(`${gateway.found[1]}/v1/responses/compact`, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.LITELLM_MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'star', input: 'Line, please.' }),
  })
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  assert.equal(await gateway.end(), 0)
  await stage.end()
  const id = answer.headers.get('x-litellm-call-id') ?? ''
  assert.match(await understudy(folder, 'explain', id), /The client got the whole answer from star/)
  say('served one request, and explained it')
}

const folder = await mkdtemp(join(tmpdir(), 'understudy-pack-'))
try {
  const tarball = await pack(folder)
  const empty = join(folder, 'empty')
  await run('mkdir', [empty])
  await run('npm', ['install', '--prefix', empty, tarball], { cwd: empty, env, maxBuffer: 16 * 1024 * 1024 })
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.equal((await understudy(empty, '--version')).trim(), version)
  say(`installed version ${version}`)
  await serveOne(empty)
  assert.match(await understudy(empty, 'demo'), /(\d+) of \1 rows hold/)
  say('the demo holds')
} finally {
  await rm(folder, { recursive: true, force: true })
}
