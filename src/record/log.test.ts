import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Secret } from '../config/secret.ts'
import { createJournal, type JournalOptions, requestLogPath } from './log.ts'
import { sampleRecord, sampleStep } from './sample.ts'

const folder = async (t: TestContext): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'journal-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

type Line = { [key: string]: unknown; steps?: { [key: string]: unknown }[] }
const linesOf = async (path: string): Promise<Line[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

/** A journal whose standard output is a file. */
const started = async (t: TestContext, more: Partial<JournalOptions> = {}) => {
  const dir = await folder(t)
  const outPath = join(dir, 'stdout')
  const out = await open(outPath, 'a')
  let wall = 1_700_000_000_000
  const dataDir = join(dir, 'data')
  const journal = createJournal({
    dataDir,
    stdout: true,
    level: 'info',
    now: () => wall,
    fd: out.fd,
    ...more,
  })
  t.after(async () => {
    await journal.close()
    await out.close()
  })
  return {
    journal,
    dir,
    dataDir,
    file: requestLogPath(dataDir),
    printed: () => linesOf(outPath),
    pass: (ms: number) => {
      wall += ms
    },
  }
}

test('one request is one line, the same on standard output and in the file', async t => {
  const { journal, file, printed } = await started(t)
  journal.request(sampleRecord())
  await journal.flush()
  const [line, ...more] = await linesOf(file)
  assert.deepEqual(more, [])
  assert.deepEqual(await printed(), [line])
  assert.equal(line?.kind, 'request')
  assert.equal(line?.time, 1_700_000_000_000)
  assert.equal(line?.callId, 'call-1')
  assert.equal(line?.steps?.[0]?.ms, 432.123)
})

test('a record that carries more than its type says leaves it behind', async t => {
  const { journal, file } = await started(t)
  const step = { ...sampleStep(), headers: { authorization: 'CANARY' } }
  const record = { ...sampleRecord({ steps: [step] }), prompt: 'CANARY', context: { key: 'CANARY' } }
  journal.request({ ...record, keyHash: '0123456789abcdef' })
  await journal.flush()
  const text = await readFile(file, 'utf8')
  assert.doesNotMatch(text, /CANARY/)
  assert.match(text, /"keyHash":"01234567"/)
})

test('messages are cut to 1 KB and lose what looks like a credential', async t => {
  const { journal, file, printed } = await started(t)
  const message = `Incorrect API key provided: sk-proj-abcdefghij0123456789. ${'x'.repeat(5000)}`
  journal.request(
    sampleRecord({
      status: 401,
      steps: [sampleStep({ outcome: 'credential', status: 401, message })],
      error: { class: 'credential', message, status: 401 },
    }),
  )
  journal.event('warn', message, { key: new Secret('hunter2-hunter2'), why: `Bearer abcdefghijklmnop` })
  await journal.flush()
  const everything = (await readFile(file, 'utf8')) + JSON.stringify(await printed())
  assert.doesNotMatch(everything, /abcdefghij|hunter2/)
  assert.doesNotMatch(everything, /x{1025}/)
})

test('the level hides lines on standard output and never in the file', async t => {
  const { journal, file, printed } = await started(t, { level: 'error' })
  journal.request(sampleRecord())
  journal.event('info', 'quiet')
  journal.request(sampleRecord({ callId: 'call-2', status: 500, end: 'error' }))
  await journal.flush()
  assert.equal((await linesOf(file)).length, 2)
  assert.deepEqual(
    (await printed()).map(line => line.callId),
    ['call-2'],
  )
})

test('the file is set aside by size, four older ones stay, and no line is lost between two', async t => {
  const { journal, dataDir, file } = await started(t, { stdout: false, maxFileBytes: 2000 })
  for (let n = 0; n < 20; n++) {
    journal.request(sampleRecord({ callId: `call-${n}` }))
    await journal.flush()
  }
  const names = (await readdir(join(dataDir, 'log'))).sort()
  assert.deepEqual(names, [
    'requests.1.jsonl',
    'requests.2.jsonl',
    'requests.3.jsonl',
    'requests.4.jsonl',
    'requests.jsonl',
  ])
  const kept = []
  for (const name of ['requests.4', 'requests.3', 'requests.2', 'requests.1', 'requests']) {
    const path = join(dataDir, 'log', `${name}.jsonl`)
    const text = await readFile(path, 'utf8')
    assert.ok(text.length <= 2000)
    kept.push(...(await linesOf(path)).map(line => line.callId))
  }
  const last = 19
  assert.deepEqual(
    kept,
    kept.map((_, index) => `call-${last - kept.length + 1 + index}`),
  )
  assert.equal((await linesOf(file)).at(-1)?.callId, 'call-19')
})

test('an unwritable folder costs one warning, the lines go to standard output, and the file heals', async t => {
  const { journal, dataDir, file, printed, pass } = await started(t, { stdout: false })
  // A plain file where the folder should be: even root cannot write below it.
  await writeFile(dataDir, '')
  for (const callId of ['a', 'b', 'c']) {
    journal.request(sampleRecord({ callId }))
    await journal.flush()
  }
  pass(11_000)
  journal.request(sampleRecord({ callId: 'tried again' }))
  await journal.flush()
  const before = await printed()
  assert.equal(before.filter(line => line.level === 'warn').length, 1)
  assert.deepEqual(
    before.filter(line => line.kind === 'request').map(line => line.callId),
    ['a', 'b', 'c', 'tried again'],
  )

  // What a full disk leaves: half a line.
  await rm(dataDir)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, '{"half')
  pass(11_000)
  journal.request(sampleRecord({ callId: 'd' }))
  await journal.flush()
  const [half, healed] = (await readFile(file, 'utf8')).split('\n')
  assert.equal(half, '{"half')
  assert.equal(JSON.parse(healed ?? '').callId, 'd')
  assert.match(JSON.stringify((await printed()).at(-1)), /written again/)
})

test('a process that ends without closing the journal still writes its last lines', async t => {
  const dir = await folder(t)
  const script = `
    import { createJournal } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)}
    import { sampleRecord } from ${JSON.stringify(new URL('sample.ts', import.meta.url).href)}
    const journal = createJournal({ stdout: true, level: 'info', now: () => 1 })
    journal.request(sampleRecord({ callId: 'last' }))
    process.exit(3)`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.equal(child.status, 3)
  assert.equal(JSON.parse(child.stdout).callId, 'last')
})

test('a reader that left standard output does not stop the journal', async t => {
  const { journal, file } = await started(t, { fd: 987_654 })
  journal.request(sampleRecord())
  journal.event('info', 'nobody hears this')
  await journal.flush()
  assert.equal((await linesOf(file)).length, 1)
})
