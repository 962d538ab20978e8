import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { requestLogPath } from '../src/record/log.ts'
import type { Fault } from '../src/stage/faults.ts'
import { plant } from './support/canary.ts'
import { errorOf, openHall } from './support/hall.ts'
import { deployment, MASTER_KEY } from './support/harness.ts'
import { headerIn } from './support/raw.ts'
import { chat, message, response } from './support/steady.ts'
import { formOf } from './support/stream-kinds.ts'

/** What a hostile or careless client sends, and what must come of it. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const KEY = ['authorization', `Bearer ${MASTER_KEY}`] as const

const DECODE: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  identity: bytes => bytes,
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

test('M-133 whatever a client accepts and a provider compresses, the bytes are what their headers say', async t => {
  const hall = await openHall(t, {
    stages: { lead: { models: ['*'] } },
    config: ({ lead }) => ({ model_list: [deployment('star', lead, 'm')] }),
  })
  const { lead } = hall.stages
  const wishes = [
    [['accept-encoding', 'br, gzip']],
    [['accept-encoding', 'identity']],
    [['x-pass-accept-encoding', 'br']],
    [
      ['accept-encoding', 'zstd'],
      ['x-pass-accept-encoding', 'zstd'],
    ],
  ] as const
  const calls = [
    { path: CHAT, body: chat('star'), says: '"object"' },
    { path: CHAT, body: chat('star', { stream: true }), says: '[DONE]' },
    { path: '/openai/v1/chat/completions', body: chat('star'), says: '"object"' },
    { path: '/openai/v1/embeddings', body: { model: 'm', input: 'x' }, says: '"embedding"' },
  ]
  for (const kind of ['ok', 'gzip', 'br', 'zstd'] as const)
    for (const headers of wishes)
      for (const { path, body, says } of calls) {
        lead.script([{ kind }])
        const client = await hall.send({ path, body, headers: [KEY, ...headers] })
        const head = await client.head()
        assert.equal(head.status, 200, `${path} ${kind}`)
        // Reading by the framing of the head fails when the length is not that of the bytes.
        const bytes = await client.body()
        const coding = headerIn(head, 'content-encoding') ?? 'identity'
        const text = DECODE[coding]?.(bytes).toString() ?? assert.fail(coding)
        assert.ok(text.includes(says), `${path} ${kind} as ${coding}: ${text.slice(0, 99)}`)
        for (const name of ['set-cookie', 'server', 'x-pass-accept-encoding'])
          assert.equal(headerIn(head, name), undefined, name)
        client.leave()
      }
})

test('M-158 what was asked and said is in no log line, and with turn_off_message_logging not even where a provider repeats it', async t => {
  for (const silent of [false, true]) {
    const prompt = plant('the prompt').text
    const hall = await openHall(t, {
      stages: {
        lead: { models: ['*'], says: `${prompt} is said.` },
        claude: { models: ['*'], flavour: 'anthropic', says: `${prompt} is said.` },
      },
      config: ({ lead, claude }) => ({
        model_list: [
          deployment('star', lead, 'm', { timeout: 0.3 }),
          deployment('chatty', lead, 'c', { model: 'groq/c' }),
          deployment('claude', claude, 'claude-sonnet-4-5'),
        ],
        router_settings: { num_retries: 1, disable_cooldowns: true },
        litellm_settings: { turn_off_message_logging: silent },
      }),
    })
    const { lead, claude } = hall.stages
    const messages = [{ role: 'user', content: prompt }]
    const body = chat('star', { messages })
    const echo = (status: number): Fault => ({
      kind: 'status',
      status,
      body: {
        error: { message: `Input should be an image: input_value='${prompt}'`, type: null, code: null },
      },
    })
    const faults: readonly Fault[] = [
      { kind: 'ok' },
      { kind: 'status', status: 500 },
      { kind: 'stall', when: 'before-headers' },
      { kind: 'cut', how: 'fin', afterContent: 1 },
      { kind: 'bad-json' },
      ...(silent ? [echo(400), echo(500), echo(429)] : []),
    ]
    for (const fault of faults)
      for (const stream of [false, true]) {
        lead.clear()
        lead.script([fault, fault])
        await hall.ask(CHAT, { ...body, stream })
      }
    const doors = [
      ['/v1/messages', message('claude', { messages })],
      ['/v1/messages', message('star', { messages })],
      ['/v1/responses', response('chatty', { input: messages })],
      ['/v1/responses/compact', response('chatty', { input: messages })],
      ['/v1beta/models/star:generateContent', { contents: [{ role: 'user', parts: [{ text: prompt }] }] }],
    ] as const
    const others: readonly Fault[] = [
      { kind: 'ok' },
      { kind: 'bad-json' },
      ...(silent ? [echo(400), echo(429)] : []),
    ]
    for (const [path, asking] of doors)
      for (const fault of others) {
        for (const stage of [lead, claude]) {
          stage.clear()
          stage.script([fault, fault])
        }
        await hall.ask(path, asking)
      }
    lead.clear()
    lead.script([{ kind: 'stall', when: 'mid-stream' }])
    const client = await hall.send({ path: CHAT, body: { ...body, stream: true } })
    await client.event()
    client.leave()
    const records = await hall.recorded(faults.length * 2 + doors.length * others.length + 1)
    const log = await readFile(requestLogPath(hall.dataDir), 'utf8')
    assert.ok(!log.includes(prompt), 'the log holds the prompt')
    // What went wrong is told all the same.
    const classes = new Set<string>(records.map(({ error }) => error?.class ?? 'none'))
    for (const expected of silent ? ['caller_fault', 'rate_limit', 'transient'] : ['transient', 'transport'])
      assert.ok(classes.has(expected), expected)
    if (silent) {
      lead.clear()
      lead.script([echo(400)])
      assert.match(
        String(errorOf(await hall.ask(CHAT, body)).message),
        /input_value/,
        'the client reads its own words',
      )
    }
    await hall.close()
  }
})

test('M-160 the name of an uploaded file is a text for the provider and never a path here', async t => {
  const hall = await openHall(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({
      model_list: [deployment('ears', lead, 'whisper-1'), deployment('star', lead, 'gpt-4.1')],
    }),
  })
  const { lead } = hall.stages
  const folder = dirname(hall.dataDir)
  const tree = async () => (await readdir(folder, { recursive: true })).toSorted()
  await hall.ask(CHAT, chat('star'))
  await hall.recorded(1)
  const before = await tree()
  const names = [
    '../../../etc/x',
    '..\\..\\x',
    '/etc/x',
    'a%2F..%2Fx',
    'CON',
    'n'.repeat(10_000),
    'a\u0000b.wav',
    '',
  ]
  for (const filename of names)
    for (const [path, fields] of [
      ['/v1/audio/transcriptions', [{ name: 'model', value: 'ears' }]],
      ['/v1/files', [{ name: 'purpose', value: 'batch' }]],
    ] as const) {
      lead.clear()
      const { type, bytes } = formOf([
        ...fields,
        { name: 'file', value: '{}\n', filename, type: 'text/plain' },
      ])
      const reply = await hall.ask(path, undefined, {
        method: 'POST',
        body: bytes,
        headers: [KEY, ['content-type', type]],
      })
      assert.ok(reply.status === 200 || reply.status === 400, `${path} ${reply.status}: ${reply.text}`)
      // What went on at all went on as it was.
      const sent = lead.requests[0]?.text
      if (sent !== undefined) assert.ok(sent.includes(`filename="${filename}"`))
    }
  assert.deepEqual(await tree(), before)
})

test('M-164 forms made to keep a parser busy are refused at once, without a key before they are read', async t => {
  const hall = await openHall(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({ model_list: [deployment('ears', lead, 'whisper-1')] }),
  })
  const part = 'content-disposition: form-data; name="x"\r\n\r\n1\r\n'
  const many = (boundary: string, count: number) =>
    `${`--${boundary}\r\n${part}`.repeat(count)}--${boundary}--\r\n`
  const forms = [
    { boundary: '-'.repeat(5000), body: '-'.repeat(900_000) },
    { boundary: '-'.repeat(71), body: many('-'.repeat(71), 1) },
    { boundary: 'seam', body: '-'.repeat(900_000) },
    { boundary: 'seam', body: '\r\n--sea'.repeat(120_000) },
    { boundary: 'seam', body: many('seam', 15_000) },
  ]
  for (const { boundary, body } of forms)
    for (const key of [[], [KEY]]) {
      const started = performance.now()
      const reply = await hall.ask('/v1/audio/transcriptions', undefined, {
        method: 'POST',
        body,
        headers: [...key, ['content-type', `multipart/form-data; boundary=${boundary}`]],
      })
      const took = performance.now() - started
      assert.equal(reply.status, key.length === 0 ? 401 : 400, `${boundary.slice(0, 9)}: ${reply.text}`)
      assert.ok(took < 1000, `${took} ms`)
    }
  const huge = await hall.send({
    path: '/v1/audio/transcriptions',
    headers: [['content-type', `multipart/form-data; boundary=${'-'.repeat(1_000_000)}`]],
    body: '',
  })
  const { status } = await huge.head()
  assert.ok(status >= 400 && status < 500, String(status))
  assert.equal(hall.stages.lead.requests.length, 0)
  await hall.quiet()
})
