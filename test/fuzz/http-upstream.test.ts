import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play } from '../support/harness.ts'
import { type Inside, inside, until } from '../support/inside.ts'
import { requestBytes } from '../support/raw.ts'
import { parseSse } from '../support/sse.ts'
import { abreast, exchange, type HttpAnswer } from './support/answers.ts'
import { heldBytes } from './support/memory.ts'
import { diceOf, SEED, seeded, times } from './support/seed.ts'
import { cut, mutate } from './support/spelling.ts'
import { EVIL, properAnswers, type UpstreamCase, upstreamCases, writes } from './support/upstream-cases.ts'
import { type Act, startWire, type Wire } from './support/wire.ts'

const ABREAST = 8
const MEGABYTE = 1024 * 1024
const BACKUP = 'The understudy speaks.'
/** For what only a limit ends; the others have all the time that a busy machine needs. */
const LIMIT_SECONDS = 0.7

type Ask = Pick<UpstreamCase, 'act' | 'stream' | 'early' | 'hangs'> & { readonly group: 'lone' | 'safe' }
type Theatre = Play<{ backup: object }> &
  Inside & {
    readonly wire: Wire
    readonly meet: (asked: Ask) => Promise<HttpAnswer>
    readonly hits: (answer: HttpAnswer) => number
  }

/** `lone` has one provider, whose bytes the test chooses; `safe` falls back to a healthy one. */
const raise = async (t: TestContext): Promise<Theatre> => {
  const wire = await startWire(t)
  const gateway = inside()
  const hasty = { timeout: LIMIT_SECONDS, stream_timeout: LIMIT_SECONDS }
  const running = await play(t, {
    stages: { backup: { says: BACKUP } },
    config: ({ backup }) => ({
      model_list: [
        ...[
          { name: 'lone', limits: {} },
          { name: 'safe', limits: {} },
          { name: 'hasty-lone', limits: hasty },
          { name: 'hasty-safe', limits: hasty },
        ].map(({ name, limits }) => ({
          model_name: name,
          litellm_params: { model: 'openai/m', api_base: wire.baseUrl, api_key: 'sk-wire', ...limits },
        })),
        deployment('spare', backup, 'gpt-4.1'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ safe: ['spare'] }, { 'hasty-safe': ['spare'] }],
      },
      general_settings: { forward_client_headers_to_llm_api: true, max_response_size_mb: 8 },
    }),
    start: gateway.start,
  })
  const promised = new Map<string, { readonly act: Act; readonly early: boolean }>()
  const asked = new Map<string, number>()
  let cases = 0
  const nameIn = (head: string): string => /^x-case: (\d+)/im.exec(head)?.[1] ?? ''
  wire.answer(
    call => {
      const name = nameIn(call.head)
      asked.set(name, (asked.get(name) ?? 0) + 1)
      promised.get(name)?.act(call)
    },
    head => promised.get(nameIn(head))?.early === true,
  )
  const meet: Theatre['meet'] = async ({ act, stream, early, hangs, group }) => {
    const name = String(cases++)
    promised.set(name, { act, early: early === true })
    const content = early === true ? 'x'.repeat(3 * MEGABYTE) : 'Hello'
    const model = hangs === true ? `hasty-${group}` : group
    const body = { model, stream: stream === true, messages: [{ role: 'user', content }] }
    const headers = [
      ['x-case', name],
      ['x-litellm-call-id', `case-${name}`],
      ['authorization', `Bearer ${MASTER_KEY}`],
    ] as const
    return exchange(
      running.url,
      requestBytes('gateway', { path: '/v1/chat/completions', headers, body }),
      20_000,
    )
  }
  const hits: Theatre['hits'] = answer =>
    asked.get((answer.headers.get('x-litellm-call-id') ?? '').replace('case-', '')) ?? 0
  return { ...running, ...gateway, wire, meet, hits }
}

const chunksOf = (answer: HttpAnswer): readonly JsonObject[] =>
  parseSse(answer.body).flatMap(({ data }) => (data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]))

/** The text of a whole answer; throws when it is none. */
const textIn = (answer: HttpAnswer, stream: boolean, ended = true): string => {
  assert.equal(answer.status, 200, answer.body.toString())
  if (!stream) {
    const { choices } = JSON.parse(answer.body.toString()) as { choices: { message: { content: string } }[] }
    return choices[0]?.message.content ?? ''
  }
  assert.equal(parseSse(answer.body).at(-1)?.data === '[DONE]', ended)
  return chunksOf(answer)
    .map(chunk => (chunk.choices as { delta: { content?: string } }[])[0]?.delta.content ?? '')
    .join('')
}

const isError = (answer: HttpAnswer): void => {
  assert.ok(answer.status >= 400 && answer.status < 600, `${answer.status}`)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  const { error } = JSON.parse(answer.body.toString()) as { error: JsonObject }
  assert.equal(typeof error.message, 'string')
}

/** What a stream that had begun ends with: an error, and nothing that says it is whole. */
const isBroken = (answer: HttpAnswer): void => {
  assert.equal(answer.status, 200)
  assert.ok(!answer.body.includes('[DONE]') && !answer.body.includes('"finish_reason":"stop"'))
  assert.ok(chunksOf(answer).at(-1)?.error)
}

const nothingHeld = async (on: Theatre): Promise<void> => {
  const { traffic, house } = on.served()
  await until(
    'everything is over',
    () => traffic.inside === 0 && house.board.snapshot().every(one => one.inFlight === 0),
    10_000,
  )
  assert.equal(house.memory.held, 0)
}

const PLAIN = properAnswers().find(one => one.name === 'a length') ?? assert.fail()
const plain: Act = writes(PLAIN.bytes)

const judge = async (on: Theatre, one: UpstreamCase): Promise<void> => {
  const stream = one.stream === true
  const lone = await on.meet({ ...one, group: 'lone' })
  const safe = await on.meet({ ...one, group: 'safe' })
  for (const answer of [lone, safe]) {
    const shown = answer.body.toString('latin1') + [...answer.headers].join()
    assert.ok(!shown.includes(EVIL), shown)
    // Once more at most: a connection that was kept may have died before it was used.
    assert.ok(on.hits(answer) <= 2, `asked ${on.hits(answer)} times`)
  }
  if (one.outcome === 'refused') {
    isError(lone)
    assert.equal(textIn(safe, stream), BACKUP)
  } else if (one.outcome === 'broken') for (const answer of [lone, safe]) isBroken(answer)
  else for (const answer of [lone, safe]) assert.equal(textIn(answer, stream), 'Hello there')
  assert.equal(textIn(await on.meet({ act: plain, group: 'lone' }), false), 'Hello there')
}

test('whatever a provider sends: a fallback serves, or the client reads an error, and nothing is left behind', async t => {
  const on = await raise(t)
  await on.meet({ act: plain, group: 'lone' })
  const before = heldBytes()
  const cases = upstreamCases(`${on.stages.backup.baseUrl}/chat/completions`)
  const failed: string[] = []
  await abreast(cases, ABREAST, async one => {
    await judge(on, one).catch(error => failed.push(`${one.name}: ${error}`.slice(0, 500)))
  })
  assert.deepEqual(failed, [])
  // Once for every failure, which for a stream that had begun led to nothing, and never for a redirect.
  const { requests } = on.stages.backup
  assert.equal(requests.length, cases.filter(one => one.outcome !== 'served').length)
  on.stages.backup.clear()
  await nothingHeld(on)
  const held = heldBytes() - before
  assert.ok(held < 32 * MEGABYTE, `${Math.round(held / MEGABYTE)} MB are held`)
})

test('M-071 an answer that is cut is not an answer, wherever it is cut', async t => {
  const on = await raise(t)
  const cases = properAnswers().flatMap(({ bytes, stream, name }) => {
    const every = name === 'a length' ? 1 : name === 'events in chunks' ? 2 : 5
    return Array.from({ length: Math.floor((bytes.length - 1) / every) }, (_, n) => {
      const at = n * every + 1
      const then = n % 2 === 0 ? ('fin' as const) : ('rst' as const)
      const group = n % 4 < 2 ? ('safe' as const) : ('lone' as const)
      return { name, stream, at, then, group, part: bytes.subarray(0, at) }
    })
  })
  const failed: string[] = []
  await abreast(cases, ABREAST, async ({ name, stream, at, then, group, part }) => {
    // Whole when its end was said; when only its finish was said, it may be either.
    const finished = stream && part.includes('"finish_reason":"stop"}]}\n\n')
    const whole = stream && part.includes('data: [DONE]\n\n')
    const begun = stream && part.includes('Hello there"},"finish_reason":null}]}\n')
    try {
      const answer = await on.meet({
        act: writes(part, then),
        ...(stream ? { stream } : {}),
        group,
      })
      if (answer.status !== 200) {
        assert.ok(group === 'lone' && !whole)
        return isError(answer)
      }
      if (answer.body.includes('"error"')) {
        assert.ok(begun && !whole)
        return finished ? assert.ok(chunksOf(answer).at(-1)?.error) : isBroken(answer)
      }
      const text = textIn(answer, stream, !finished || whole)
      assert.ok(finished ? text === 'Hello there' : group === 'safe' && text === BACKUP, text)
    } catch (error) {
      failed.push(`${name}, ${at} of ${part.length} bytes: ${error}`.slice(0, 300))
    }
  })
  assert.deepEqual(failed.slice(0, 5), [])
  await nothingHeld(on)
})

test('mutated answers: well-formed HTTP to the client, an answer or an error', async t => {
  await seeded(async () => {
    const on = await raise(t)
    const roll = diceOf(SEED)
    const proper = properAnswers()
    await abreast(Array.from({ length: times(200) }), ABREAST, async (_, turn) => {
      const { bytes, stream } = proper[turn % proper.length] ?? PLAIN
      const odd = mutate(bytes, 1 + roll(4), roll)
      const pieces = cut(odd, [roll(odd.length + 1)])
      const then = (['fin', 'fin', 'rst', 'keep'] as const)[roll(40) === 0 ? 3 : roll(3)] ?? 'fin'
      const act: Act = call => {
        const [first = odd, ...rest] = pieces
        if (first.length > 0) call.socket.write(first)
        setImmediate(() => writes(Buffer.concat(rest), then)(call))
      }
      const answer = await on.meet({
        // What is left out of a body may be waited for.
        act,
        ...(stream ? { stream } : {}),
        hangs: true,
        group: roll(2) === 0 ? 'lone' : 'safe',
      })
      const shown = `turn ${turn}: ${JSON.stringify(odd.toString('latin1'))} → ${answer.body.toString()}`
      if (answer.status >= 300) return isError(answer)
      if (!stream) return assert.equal(typeof JSON.parse(answer.body.toString()), 'object', shown)
      const events = parseSse(Buffer.from(new TextDecoder().decode(answer.body)))
      assert.ok(events.length > 0, shown)
    })
    assert.equal(textIn(await on.meet({ act: plain, group: 'lone' }), false), 'Hello there')
    await nothingHeld(on)
  })
})

test('a failure without a word of its own is told with the status that came', async t => {
  const on = await raise(t)
  for (const status of [205, 301, 304, 307, 418, 599, 999]) {
    const act = writes(`HTTP/1.1 ${status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n`, 'fin')
    const answer = await on.meet({ act, group: 'lone' })
    isError(answer)
    assert.match(answer.body.toString(), new RegExp(`answered with status ${status} `))
  }
})

test('bytes on a connection that nobody uses close it, and the next call gets its own answer', async t => {
  const on = await raise(t)
  for (let turn = 0; turn < 5; turn++) {
    let closed: Promise<void> | undefined
    let late: (() => void) | undefined
    const act: Act = call => {
      closed = call.closed
      late = () => call.socket.write(PLAIN.bytes.toString('latin1').replace('Hello', EVIL.padEnd(5, '!')))
      plain(call)
    }
    assert.equal(textIn(await on.meet({ act, group: 'lone' }), false), 'Hello there')
    late?.()
    await closed
    assert.equal(textIn(await on.meet({ act: plain, group: 'lone' }), false), 'Hello there')
  }
})
