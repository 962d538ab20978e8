import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { lineOf } from '../record/line.ts'
import { requestLogPath } from '../record/log.ts'
import { sampleRecord, sampleStep } from '../record/sample.ts'
import { olderPath } from '../record/targets.ts'
import type { RequestRecord } from '../record/trail.ts'
import { explain } from './explain.ts'

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5)
const line = (change: Partial<RequestRecord> = {}): string =>
  `${lineOf(sampleRecord(change), 'info', TIME)}\n`

const dataDir = async (t: TestContext): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'explain-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  await mkdir(dirname(requestLogPath(path)), { recursive: true })
  return path
}

const told = async (callId: string, options: { dataDir: string; file?: string; input?: Readable }) => {
  let text = ''
  const code = await explain(callId, {
    ...options,
    write: more => {
      text += more
    },
  })
  return { code, text }
}

test('an answer of two parts says who went on with it, and whose tokens are an estimate', async t => {
  const dir = await dataDir(t)
  const steps = [
    sampleStep({ outcome: 'transport', estimated: true, usage: { inputTokens: 100, outputTokens: 8 } }),
    sampleStep({ resumed: 'splice' }),
    sampleStep({ resumed: 'continuation' }),
  ]
  await writeFile(requestLogPath(dir), line({ steps }))
  const { text } = await told('call-1', { dataDir: dir })
  assert.match(text, /tokens: about 100 in, 8 out/)
  assert.match(text, /went on with the answer that broke: by saying it again/)
  assert.match(text, /went on with the answer that broke: from what the client had of it/)
})

test('of two attempts side by side it is told which was left, why the other was made, and what both cost', async t => {
  const dir = await dataDir(t)
  const steps = [
    sampleStep({
      outcome: 'outrun',
      status: undefined,
      possiblyBilled: true,
      estimated: true,
      usage: { inputTokens: 100, outputTokens: 0 },
      next: 'the hedge answered first',
    }),
    sampleStep({ hedge: true, because: 'hedge: nothing after 2000 ms; simple-shuffle' }),
  ]
  await writeFile(requestLogPath(dir), line({ steps }))
  const { text } = await told('call-1', { dataDir: dir })
  assert.match(text, /given up, no answer: another attempt answered first/)
  assert.match(text, /tokens: about 100 in, 0 out/)
  assert.match(text, /the provider may charge for this attempt/)
  assert.match(text, /then: the hedge answered first/)
  assert.match(text, /chosen: hedge: nothing after 2000 ms; simple-shuffle/)
})

const fellBack: Partial<RequestRecord> = {
  callId: 'call-7',
  requestedModel: 'fast',
  servedGroup: 'gpt-4.1-paid',
  servedDeployment: 'deployment-2',
  retries: 1,
  fallbacks: 1,
  totalMs: 12_345,
  overheadMs: 1.23,
  steps: [
    sampleStep({
      outcome: 'transient',
      status: 502,
      message: 'litellm.BadGatewayError: upstream fell over',
      next: 'fallback gpt-4.1 → gpt-4.1-paid: transient',
      possiblyBilled: true,
    }),
    sampleStep({
      group: 'gpt-4.1-paid',
      deployment: 'deployment-2',
      waitedMs: 250,
      edits: [],
      lost: ['logit_bias'],
      usage: { inputTokens: 100, outputTokens: 20, cachedInputTokens: 64 },
    }),
  ],
}

test('a failover is told step by step: where, how it ended, why the next one followed', async t => {
  const dir = await dataDir(t)
  await writeFile(requestLogPath(dir), line() + line(fellBack) + line({ callId: 'call-70' }))
  const { code, text } = await told('call-7', { dataDir: dir })
  assert.equal(code, 0)
  for (const part of [
    'POST /v1/chat/completions at 2026-01-02T03:04:05.000Z, call call-7',
    'asked for fast (group gpt-4.1)',
    ' 1. gpt-4.1 → openai/gpt-4.1 (deployment-1)',
    'failed: transient, 502',
    'said: litellm.BadGatewayError: upstream fell over',
    'the provider may charge for this attempt',
    'then: fallback gpt-4.1 → gpt-4.1-paid: transient',
    ' 2. gpt-4.1-paid → openai/gpt-4.1 (deployment-2)',
    'after a wait of 250 ms',
    'edits: none',
    'lost in translation: logit_bias',
    'tokens: 100 in (64 cached), 20 out; $0.00036',
    'The client got the whole answer from gpt-4.1-paid (deployment-2), status 200',
    'took 12.3 s, 1.2 ms of it in the gateway; retries 1, fallbacks 1',
  ])
    assert.ok(text.includes(part), `${part}\nis missing in\n${text}`)
})

test('older files are read when the newest does not know the request', async t => {
  const dir = await dataDir(t)
  const path = requestLogPath(dir)
  await writeFile(path, line({ callId: 'new' }))
  await writeFile(olderPath(path, 1), line({ callId: 'older' }))
  await writeFile(olderPath(path, 4), line({ callId: 'oldest' }))
  assert.equal((await told('oldest', { dataDir: dir })).code, 0)
  const missing = await told('never', { dataDir: dir })
  assert.equal(missing.code, 1)
  assert.match(missing.text, /No request never in .*requests\.jsonl and 2 older\./)
})

test('without any log the sentence says where one was expected', async t => {
  const dir = await dataDir(t)
  const { code, text } = await told('x', { dataDir: dir })
  assert.equal(code, 1)
  assert.ok(text.includes(`no request log at ${requestLogPath(dir)}`))
})

test('a container log on standard input is read through its prefixes and torn lines', async t => {
  const dir = await dataDir(t)
  const log = `gateway-1  | {"level":"info","kind":"request","callId":"call-1","st\ngateway-1  | ${line()}not json call-1\n`
  const { code, text } = await told('call-1', { dataDir: dir, file: '-', input: Readable.from([log]) })
  assert.equal(code, 0)
  assert.match(text, /call call-1/)
})

test('a call id used twice shows the last request and says so', async t => {
  const dir = await dataDir(t)
  await writeFile(requestLogPath(dir), line({ status: 500, end: 'error' }))
  await appendFile(requestLogPath(dir), line())
  const { text } = await told('call-1', { dataDir: dir })
  assert.match(text, /status 200/)
  assert.match(text, /holds 2 requests with this call id/)
})

test('a refused request says why and that nothing was tried', async t => {
  const dir = await dataDir(t)
  const error = { message: 'Invalid proxy server token passed', status: 401 }
  await writeFile(requestLogPath(dir), line({ steps: [], status: 401, end: 'refused', error }))
  const { text } = await told('call-1', { dataDir: dir })
  assert.match(
    text,
    /No attempt was made\.\n\nThe gateway refused the request.*: Invalid proxy server token passed/,
  )
})

test('an unknown cost is said to be unknown, and no text can steer the terminal', async t => {
  const dir = await dataDir(t)
  const { costUsd: _, ...step } = sampleStep({ message: 'red \u001b[31m alert\nfake line' })
  await writeFile(requestLogPath(dir), line({ steps: [step] }))
  const { text } = await told('call-1', { dataDir: dir })
  assert.match(text, /cost unknown/)
  assert.ok(!text.includes('\u001b'))
  assert.doesNotMatch(text, /^fake line/m)
})
