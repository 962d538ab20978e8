import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { Fault } from '../src/stage/faults.ts'
import { closedPort } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { type Aviary, openAviary } from './support/canaries.ts'
import { type Canary, spellings } from './support/canary.ts'
import { type CanaryCast, KINDS, type Kind, raiseCanaries } from './support/canary-cast.ts'
import { MASTER_KEY, type Reply } from './support/harness.ts'
import { served } from './support/process.ts'
import { requestFor, routeNamed } from './support/requests.ts'

const chat = routeNamed('chat.completions')
const responses = routeNamed('responses.create')
/** One for each dialect, with the one that streams it where that is another. */
const DOORS = [
  [chat],
  [responses],
  [routeNamed('messages.create')],
  [routeNamed('gemini.generate'), routeNamed('gemini.stream')],
] as const

const SECRETS =
  /^(?:the key of|the master key|aws|the process environment|an environment variable|an unused credential|the data directory)/

const addressOf = (cast: CanaryCast, kind: Kind): string =>
  kind === 'bedrock' ? cast.bedrock.url : cast.stages[kind].origin

/** What no client and no log may be told: every credential, and where providers are. */
const unspoken = (cast: CanaryCast): readonly Canary[] => [
  ...cast.aviary.all.filter(({ place }) => SECRETS.test(place)),
  ...KINDS.map(kind => ({
    place: `the address of ${kind}`,
    text: new URL(addressOf(cast, kind)).host,
  })),
]

const assertUnspoken = (text: string, canaries: readonly Canary[], where: string): void => {
  for (const { place, text: secret } of canaries)
    for (const spelling of spellings(secret))
      assert.ok(!text.includes(spelling), `${where} tells ${place}: ${around(text, spelling)}`)
}

const around = (text: string, found: string): string => {
  const at = text.indexOf(found)
  return text.slice(Math.max(0, at - 80), at + found.length + 40)
}

/** The base URL of who served stands in one header by LiteLLM's custom; nowhere else. */
const headText = ({ headers }: Reply): string =>
  Object.entries(headers)
    .filter(([name]) => name !== 'x-litellm-model-api-base')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')

/** A provider that says too much: its own key and address in every way a careless error text has them. */
const indiscreet = (key: string, origin: string): JsonObject => {
  const { host, port } = new URL(origin)
  const message = [
    `Incorrect API key provided: ${key}.`,
    `authorization: Bearer ${key}; api-key=${key}; "api_key": "${key}"`,
    `url='${origin}/v1/secret/path?api_key=${key}' connect ECONNREFUSED ${host}`,
    `HTTPConnectionPool(host='127.0.0.1', port=${port}): dial tcp ${host}: i/o timeout`,
    `redis://user:${key}@${host}/0 base64 ${Buffer.from(key).toString('base64')}`,
    `raw ${key} end`,
  ].join(' ')
  return { message, type: 'server_error', param: key, code: null, innererror: { trace: `at ${origin}`, key } }
}

const STATUSES = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 451, 500, 502, 503, 504, 529]

const faultsFor = (error: JsonObject): readonly Fault[] => {
  const text = JSON.stringify(error)
  return [
    ...STATUSES.map((status): Fault => ({ kind: 'status', status, body: { error } })),
    { kind: 'status', status: 500, body: text.slice(1, -1) },
    { kind: 'status', status: 500, body: { detail: text } },
    { kind: 'status', status: 302, headers: { location: String(error.message) } },
    { kind: 'status', status: 503, headers: { 'x-internal': text, 'retry-after': '0' } },
    { kind: 'error-in-200', error },
  ]
}

test('M-157 no error text tells a client or the log a credential or where a provider is', async t => {
  const cast = await raiseCanaries(t)
  const secret = unspoken(cast)
  for (const kind of KINDS.filter(one => one !== 'bedrock')) {
    const { key, origin } = cast.stages[kind]
    for (const [route, streaming = route] of DOORS) {
      for (const fault of faultsFor(indiscreet(key, origin))) {
        cast.clear()
        cast.stages[kind].script([fault, fault])
        const reply = await cast.send(requestFor(route, { group: cast.solo(kind, route) }))
        assert.ok(reply.status >= 400, `${kind}: ${JSON.stringify(fault)}`)
      }
      for (const mark of [{ afterContent: 0 }, { afterContent: 2 }]) {
        const fault: Fault = { kind: 'error-event', error: indiscreet(key, origin), ...mark }
        cast.clear()
        cast.stages[kind].script([fault, fault])
        await cast.send(requestFor(streaming, { group: cast.solo(kind, route), stream: true }))
      }
    }
  }
  for (const type of [
    'ThrottlingException',
    'AccessDeniedException',
    'ValidationException',
    'InternalServerException',
  ]) {
    const message = String(indiscreet('canary-that-is-none', cast.bedrock.url).message)
    for (const stream of [false, true]) {
      cast.bedrock.script({ kind: 'status', status: 400, type, message })
      await cast.send(
        requestFor(chat, {
          group: cast.solo('bedrock', chat),
          stream,
          more: { drop_params: true, num_retries: 0 },
        }),
      )
    }
    cast.bedrock.script({ kind: 'exception', type, message, after: 1 })
    await cast.send(
      requestFor(chat, { group: cast.solo('bedrock', chat), stream: true, more: { drop_params: true } }),
    )
  }
  for (const [at, reply] of cast.told.entries()) {
    assertUnspoken(headText(reply), secret, `the head of answer ${at + 1}`)
    assertUnspoken(reply.text, secret, `answer ${at + 1}, ${reply.status},`)
  }
  assertUnspoken(await cast.log(), secret, 'the log')
})

/** Addresses at which no provider is, each with a word of its own in it. */
const unreachable = async (aviary: Aviary, plain: number): Promise<Readonly<Record<string, string>>> => ({
  refused: `http://127.0.0.1:${await closedPort()}/${aviary.hide('a path')}`,
  // Too long for a name, so that no resolver is asked.
  unknown: `http://${aviary.hide('a host name')}${'x'.repeat(63)}.invalid:4999/v1`,
  'no-tls': `https://127.0.0.1:${plain}/${aviary.hide('another path')}`,
})

/** Answers whoever connects with something that is no TLS. */
const startPlain = async (t: TestContext): Promise<number> => {
  const server = createServer(socket => socket.on('error', () => {}).end('no such thing here\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('a provider that cannot be reached is not named by its address, to a client, in /health or in the log', async t => {
  const aviary = openAviary()
  const key = aviary.hide('the key')
  const bases = await unreachable(aviary, await startPlain(t))
  const gateway = await served(t, {
    config: {
      model_list: Object.entries(bases).map(([model_name, api_base]) => ({
        model_name,
        litellm_params: { model: 'openai/gpt-4.1', api_base, api_key: key },
      })),
      router_settings: { num_retries: 0 },
    },
  })
  for (const text of Object.values(bases)) aviary.watch('an address', new URL(text).host)
  const headers = { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' }
  for (const model of Object.keys(bases)) {
    for (const stream of [false, true]) {
      const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] })
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
      assert.equal(answer.status, 500, model)
      assertUnspoken(await answer.text(), aviary.all, model)
    }
  }
  const health = await fetch(`${gateway.url}/health`, { headers })
  const report = await health.text()
  assert.match(report, /"unhealthy_count":3/)
  assertUnspoken(report, aviary.all, '/health')
  gateway.kill('SIGTERM')
  await gateway.ended
  assert.match(gateway.stdout(), /"kind":"request"/)
  aviary.watch('the master key', MASTER_KEY)
  assertUnspoken(gateway.stdout(), aviary.all, 'standard output')
  assertUnspoken(await readFile(requestLogPath(gateway.dataDir), 'utf8'), aviary.all, 'the log')
})
