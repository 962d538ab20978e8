import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ROUTES } from '../../src/routes.ts'
import { deployment, MASTER_KEY, type Play, play } from '../support/harness.ts'
import { type Inside, inside, until } from '../support/inside.ts'
import { formOf } from '../support/stream-kinds.ts'
import { abreast, Caller, exchange, type HttpAnswer } from './support/answers.ts'
import { PROPER, SHAPES, type Shape } from './support/client-shapes.ts'
import { heldBytes } from './support/memory.ts'
import { diceOf, SEED, seeded, times } from './support/seed.ts'
import { cut, mutate } from './support/spelling.ts'

const MEGABYTE = 1024 * 1024
/** How long a well-behaved answer may take on a busy machine. */
const PATIENCE_MS = 15_000
/** Nothing more comes: said after a whole answer, so that the wait is short. */
const QUIET_MS = 30

type Theatre = Play<{ lead: object }> & Inside

const raise = async (
  t: { after: (undo: () => Promise<void>) => void },
  settings: object = {},
): Promise<Theatre> => {
  const gateway = inside()
  const running = await play(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({
      model_list: [
        deployment('g', lead, 'gpt-4.1'),
        deployment('ear', lead, 'whisper-1'),
        deployment('*', lead, '*'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: settings,
    }),
    start: gateway.start,
  })
  return { ...running, ...gateway }
}

const PLAIN =
  `POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\ncontent-length: 56\r\n\r\n{"model":"g","messages":[{"role":"user","content":"Hi"}]}`.replace(
    '56',
    String('{"model":"g","messages":[{"role":"user","content":"Hi"}]}'.length),
  )

/** In the dialect of the API, or as FastAPI says it. */
const isRefusal = ({ status, headers, body }: HttpAnswer): void => {
  assert.equal(headers.get('content-type'), 'application/json')
  const said = JSON.parse(body.toString()) as {
    error?: { message?: unknown; code?: unknown }
    detail?: unknown
  }
  if (said.error === undefined) return assert.equal(typeof said.detail, 'string')
  assert.equal(typeof said.error.message, 'string')
  // A word that clients act on stands in for the status.
  assert.match(String(said.error.code), new RegExp(`^(?:${status}|[a-z][a-z_]+)$`))
}

const nothingHeld = async (on: Theatre): Promise<void> => {
  const { traffic, house } = on.served()
  await until('everything is over', () => traffic.inside === 0, PATIENCE_MS)
  assert.equal(house.memory.held, 0)
  assert.ok(house.board.snapshot().every(one => one.inFlight === 0))
}

const judge = async (on: Theatre, shape: Shape): Promise<void> => {
  const asked = on.stages.lead.requests.length
  const caller = new Caller(on.url)
  try {
    caller.send(shape.bytes)
    await caller.until(({ final }) => final.length >= shape.answers.length, PATIENCE_MS)
    assert.deepEqual(
      caller.final.map(({ status }) => status),
      shape.answers,
    )
    // The end comes by itself; that nothing comes can only be waited for.
    await caller.until(
      ({ final }) => final.length > shape.answers.length,
      shape.ends ? PATIENCE_MS : QUIET_MS,
    )
    assert.equal(caller.end, shape.ends ? 'fin' : undefined)
    assert.equal(caller.final.length, shape.answers.length)
    assert.equal(caller.unfinished.length, 0)
    for (const answer of caller.final) if (answer.status >= 400) isRefusal(answer)
  } finally {
    caller.leave()
  }
  assert.equal(on.stages.lead.requests.length - asked, shape.asked, 'requests that reached the provider')
  assert.equal((await exchange(on.url, PLAIN)).status, 200)
}

test('shapes of requests: refused in order or served, and never taken for another one', async t => {
  const on = await raise(t)
  const failed: string[] = []
  // One after the other: what reaches the provider is counted.
  for (const shape of SHAPES)
    await judge(on, shape).catch(error => failed.push(`${shape.name}: ${error}`.slice(0, 400)))
  assert.deepEqual(failed, [])
  await nothingHeld(on)
})

test('mutated requests: well-formed answers, an end in time, and nothing left behind', async t => {
  await seeded(async () => {
    const on = await raise(t, { client_head_timeout_seconds: 0.4, client_request_timeout_seconds: 0.6 })
    const roll = diceOf(SEED)
    const before = heldBytes()
    await abreast(Array.from({ length: times(320) }), 64, async (_, turn) => {
      const proper = Buffer.from(PROPER[turn % PROPER.length] ?? PLAIN, 'latin1')
      const odd = mutate(proper, 1 + roll(4), roll)
      const why = `turn ${turn}: ${JSON.stringify(odd.toString('latin1'))}`
      const caller = new Caller(on.url)
      try {
        for (const piece of cut(odd, [roll(odd.length + 1), roll(odd.length + 1)])) {
          caller.send(piece)
          await new Promise(resolve => setImmediate(resolve))
        }
        const enough = await caller.until(({ final }) => final.length > 0, PATIENCE_MS)
        assert.ok(enough, `${why}: neither an answer nor an end`)
        await caller.until(() => false, QUIET_MS)
        for (const answer of caller.final) {
          assert.notEqual(answer.status, 500, `${why}: ${answer.body}`)
          if (answer.status >= 400) isRefusal(answer)
        }
        if (caller.end !== undefined) assert.equal(caller.unfinished.length, 0, why)
      } finally {
        caller.leave()
      }
    })
    await nothingHeld(on)
    // Whatever reached the provider is a call that the gateway made, to a path that it knows.
    for (const { path } of on.stages.lead.requests) assert.match(path, /^\/v1\/[a-z0-9_/-]+$/, path)
    on.stages.lead.clear()
    assert.equal((await exchange(on.url, PLAIN)).status, 200)
    const held = heldBytes() - before
    assert.ok(held < 16 * MEGABYTE, `${held} bytes are held`)
  })
})

const FORM = formOf([
  { name: 'model', value: 'g' },
  { name: 'file', value: Buffer.from([0, 255]), filename: '../../etc/passwd\0', type: 'x/y' },
])

const TYPES = [
  'application/json',
  'APPLICATION/JSON; charset=utf-16',
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/octet-stream',
  FORM.type,
  'multipart/form-data',
  'multipart/form-data; boundary=""',
  `multipart/form-data; boundary=${'-'.repeat(300)}`,
  '\xff;;=;',
  '',
]

const BODIES: readonly Uint8Array[] = [
  Buffer.from('{"model":"g"}'),
  Buffer.from('{"model":"g","model":"g"}'),
  Buffer.from('[]'),
  Buffer.from('null'),
  Buffer.from('{"model":'.padEnd(200_000, '[')),
  Buffer.from('{"model":"\xff"}', 'latin1'),
  Buffer.from('\ufeff{"model":"g"}'),
  Buffer.from('model=g&x=%zz'),
  Buffer.alloc(1000, 0),
  FORM.bytes,
  gzipSync('{"model":"g"}'),
]

test('bodies of every content type on every route: an answer, and never a fault of the gateway', async t => {
  const on = await raise(t)
  const roll = diceOf(SEED)
  const posts = ROUTES.filter(route => route.body !== 'none')
  const cases = posts.flatMap(route =>
    TYPES.map((type, at) => ({
      route,
      type,
      body: BODIES[(at + roll(BODIES.length)) % BODIES.length] ?? Buffer.alloc(0),
    })),
  )
  await abreast(cases, 8, async ({ route, type, body }) => {
    const path = (route.paths[0] ?? '').replace(/:[a-z]+/g, 'x')
    const head = `${route.method} ${path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\n${type === '' ? '' : `content-type: ${type}\r\n`}content-length: ${body.length}\r\n\r\n`
    const answer = await exchange(on.url, Buffer.concat([Buffer.from(head, 'latin1'), body]))
    const why = `FUZZ_SEED=${SEED}, ${path} as ${type}: ${answer.status} ${answer.body.toString().slice(0, 200)}`
    assert.ok(answer.status < 500, why)
    if (answer.status >= 400) isRefusal(answer)
  })
  await nothingHeld(on)
})
