import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { RESUME_KINDS, type ResumeKind } from './support/resume-kinds.ts'
import { readStream } from './support/streaming.ts'

/** A stream that breaks after its first content: who goes on, how, and what the client sees of it. */

const ERROR = { message: 'The server had an error.', type: 'server_error', param: null, code: 'server_error' }
const MARK = { afterContent: 3 }
const breaks: readonly { readonly what: string; readonly fault: Fault }[] = [
  { what: 'cut by FIN', fault: { kind: 'cut', how: 'fin', ...MARK } },
  { what: 'cut by RST', fault: { kind: 'cut', how: 'rst', ...MARK } },
  { what: 'ended without its own end', fault: { kind: 'cut', how: 'clean-chunk-end', ...MARK } },
  { what: 'silent', fault: { kind: 'stall', when: 'mid-stream', ...MARK } },
  { what: 'with an event that is no JSON', fault: { kind: 'malformed-event', ...MARK } },
  { what: 'with an error event', fault: { kind: 'error-event', error: ERROR, ...MARK } },
]
const CUT: Fault = { kind: 'cut', how: 'fin', ...MARK }

const PRICES = { input_cost_per_token: 0.001, output_cost_per_token: 0.01 }

/**
 * Each kind has a lead that breaks, and behind it: `spare` says the same, `heir` goes on from a prefill, `proud`
 * refuses one, `other` says something else.
 */
const playResume = async (t: TestContext, router: JsonObject = {}) => {
  const gateway = inside()
  const on = await play(t, {
    stages: {
      lead: {},
      spare: {},
      heir: { prefill: 'continue' },
      proud: { prefill: 'reject' },
      other: { says: 'The understudy has never seen the play.' },
    },
    config: ({ lead, spare, heir, proud, other }) => ({
      model_list: RESUME_KINDS.flatMap(({ name, model }) => [
        ...['plain', 'splice', 'continue', 'refused', 'other', 'both'].map(group =>
          deployment(`${group}-${name}`, lead, model, { ...PRICES, idle_timeout: 0.3 }),
        ),
        deployment(`spare-${name}`, spare, model, PRICES),
        {
          ...deployment(`heir-${name}`, heir, model, PRICES),
          model_info: { supports_assistant_prefill: true },
        },
        { ...deployment(`proud-${name}`, proud, model), model_info: { supports_assistant_prefill: true } },
        deployment(`other-text-${name}`, other, model, PRICES),
      ]),
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: RESUME_KINDS.flatMap(({ name }) => [
          { [`splice-${name}`]: [`spare-${name}`] },
          { [`continue-${name}`]: [`heir-${name}`] },
          { [`refused-${name}`]: [`proud-${name}`] },
          { [`other-${name}`]: [`other-text-${name}`] },
          { [`both-${name}`]: [`other-text-${name}`, `spare-${name}`] },
        ]),
        ...router,
      },
    }),
    start: gateway.start,
  })
  const ask = async (kind: ResumeKind, group: string, extra: JsonObject = {}) => {
    const request = kind.request(`${group}-${kind.name}`)
    const body =
      request.body instanceof Uint8Array ? request.body : { ...(request.body as JsonObject), ...extra }
    const headers = [['authorization', `Bearer ${MASTER_KEY}`], ...request.headers] as const
    const answer = await readStream(await on.send({ ...request, body, headers }))
    const callId = answer.headers.get('x-litellm-call-id')
    const record = (await gateway.records()).find(one => one.callId === callId)
    assert.ok(record)
    return { ...answer, record }
  }
  const clear = () => {
    for (const stage of Object.values(on.stages)) stage.clear()
  }
  return { ...on, ...gateway, ask, clear }
}

const named = (name: string): ResumeKind => RESUME_KINDS.find(kind => kind.name === name) ?? assert.fail(name)

const nothingHeld = (on: Awaited<ReturnType<typeof playResume>>): void => {
  const { house } = on.served()
  assert.deepEqual(
    house.board.snapshot().filter(one => one.inFlight !== 0),
    [],
  )
  assert.equal(house.memory.held, 0)
}

test('a verified splice', async t => {
  const on = await playResume(t)
  for (const kind of RESUME_KINDS) {
    const whole = await on.ask(kind, 'plain')
    for (const { what, fault } of breaks)
      await t.test(`${kind.name}, ${what}: the client reads one whole answer`, async () => {
        on.clear()
        on.stages.lead.script([fault])
        const { status, events, record } = await on.ask(kind, 'splice')
        assert.equal(status, 200)
        assert.equal(kind.text(events), CANONICAL)
        assert.equal(events.length, whole.events.length, 'not an event more or less than in one piece')
        assert.equal(events.filter(kind.claimsWhole).length, whole.events.filter(kind.claimsWhole).length)
        assert.ok(new Set(kind.ids(events)).size <= 1, 'one name for one answer')
        assert.doesNotMatch(events.map(event => event.data).join('\n'), /"error":\{/)
        assert.equal(record.end, 'complete')
        assert.equal(record.error, undefined)
        assert.deepEqual(
          record.steps.map(step => [step.outcome === 'answered', step.resumed]),
          [
            [false, undefined],
            [true, 'splice'],
          ],
        )
        // Sent again as it was: what the target gets is what it would have got at once.
        assert.equal(on.stages.spare.requests.length, 1)
        assert.deepEqual(on.stages.spare.requests[0]?.body, on.stages.lead.requests[0]?.body)
        nothingHeld(on)
      })
  }
  await t.test('responses: the events are numbered through, and items keep their names', async () => {
    on.clear()
    on.stages.lead.script([CUT])
    const { events } = await on.ask(named('responses'), 'splice')
    const all = events.map(event => JSON.parse(event.data) as JsonObject)
    assert.deepEqual(
      all.map(event => event.sequence_number),
      all.map((_, index) => index),
    )
    assert.equal(new Set(all.flatMap(event => event.item_id ?? [])).size, 1)
    const final = all.at(-1)?.response as JsonObject & { output: readonly JsonObject[] }
    assert.equal(final.output[0]?.id, all.find(event => event.item_id !== undefined)?.item_id)
    const begun = all[0]?.response as JsonObject
    assert.equal(final.created_at, begun.created_at)
  })
  await t.test('what each part used is told of who produced it, and the sum is the request’s', async () => {
    for (const kind of RESUME_KINDS) {
      on.clear()
      on.stages.lead.script([CUT])
      const { events, record } = await on.ask(kind, 'splice')
      const [broken, spliced] = record.steps
      assert.ok(broken?.usage && spliced?.usage, kind.name)
      assert.equal(broken.estimated, true)
      assert.equal(spliced.estimated, undefined)
      assert.equal(broken.usage.inputTokens, spliced.usage.inputTokens, 'the same prompt')
      assert.ok(broken.usage.outputTokens > 0 && broken.usage.outputTokens < spliced.usage.outputTokens)
      const sum = [
        broken.usage.inputTokens + spliced.usage.inputTokens,
        broken.usage.outputTokens + spliced.usage.outputTokens,
      ]
      assert.deepEqual([record.usage?.inputTokens, record.usage?.outputTokens], sum)
      assert.deepEqual(kind.usage(events), sum)
      assert.ok(record.costUsd !== undefined && broken.costUsd !== undefined && spliced.costUsd !== undefined)
      assert.ok(Math.abs(record.costUsd - broken.costUsd - spliced.costUsd) < 1e-9)
    }
  })
})

test('an answer that differs is given up at its first differing byte, and the break is what the client is told', async t => {
  const on = await playResume(t)
  for (const kind of RESUME_KINDS) {
    await t.test(`${kind.name}: nobody else to ask`, async () => {
      on.clear()
      on.stages.lead.script([CUT])
      const { events, record } = await on.ask(kind, 'other')
      const { before, error } = kind.broken(events)
      assert.ok(CANONICAL.startsWith(kind.text(before)))
      assert.match(String(error.message), /APIConnectionError/)
      assert.equal(record.end, 'upstream_broke')
      assert.equal(record.error?.class, 'transport')
      assert.deepEqual(
        record.steps.map(step => step.outcome),
        ['transport', 'unsupported'],
      )
      assert.equal(record.steps[1]?.possiblyBilled, true)
      nothingHeld(on)
    })
    await t.test(`${kind.name}: the next one says the same`, async () => {
      on.clear()
      on.stages.lead.script([CUT])
      const { events, record } = await on.ask(kind, 'both')
      assert.equal(kind.text(events), CANONICAL)
      assert.deepEqual(
        record.steps.map(step => step.outcome),
        ['transport', 'unsupported', 'answered'],
      )
    })
  }
})

test('a continuation by prefill', async t => {
  const on = await playResume(t)
  const chat = named('chat')
  for (const { what, fault } of breaks)
    await t.test(`${what}: the target goes on from what was delivered`, async () => {
      on.clear()
      on.stages.lead.script([fault])
      const { status, events, record } = await on.ask(chat, 'continue')
      assert.equal(status, 200)
      assert.equal(chat.text(events), CANONICAL)
      assert.equal(new Set(chat.ids(events)).size, 1)
      const roles = events.filter(event => event.data.includes('"role"'))
      assert.equal(roles.length, 1, 'the role is told once')
      assert.equal(events.at(-1)?.data, '[DONE]')
      assert.equal(events.filter(event => event.data.includes('"finish_reason":"stop"')).length, 1)
      assert.equal(record.steps[1]?.resumed, 'continuation')
      assert.ok(record.steps[1]?.edits.includes('append messages (continuation)'))
      const given = on.stages.heir.requests[0]?.json
      assert.deepEqual(isObject(given) && given.messages, [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: CANONICAL.slice(0, 'The understudy knows'.length) },
      ])
    })
  await t.test('the prompt is counted for each, and what was given along for who got it', async () => {
    on.clear()
    on.stages.lead.script([CUT])
    const { record } = await on.ask(chat, 'continue')
    const [broken, heir] = record.steps
    assert.ok(broken?.usage && heir?.usage)
    assert.equal(broken.usage.inputTokens, heir.usage.inputTokens - broken.usage.outputTokens)
  })
  await t.test('splice_only: nobody is given a beginning', async () => {
    const spliced = await playResume(t, { stream_recovery: 'splice_only' })
    spliced.stages.lead.script([CUT])
    const { events, record } = await spliced.ask(chat, 'continue')
    assert.equal(chat.text(events), CANONICAL)
    assert.equal(record.steps[1]?.resumed, 'splice')
    assert.deepEqual(spliced.stages.heir.requests[0]?.body, spliced.stages.lead.requests[0]?.body)
  })
})

test('a target that refuses the prefill: its 400 is never what the client gets', async t => {
  const on = await playResume(t)
  const chat = named('chat')
  on.stages.lead.script([CUT])
  const { events, record } = await on.ask(chat, 'refused')
  const { error } = chat.broken(events)
  assert.match(String(error.message), /APIConnectionError/)
  assert.doesNotMatch(String(error.message), /prefill/)
  assert.equal(error.code, '500')
  assert.deepEqual(
    record.steps.map(step => [step.outcome, step.resumed]),
    [
      ['transport', undefined],
      ['caller_fault', 'continuation'],
    ],
  )
  assert.equal(record.error?.class, 'transport')
})

test('when nobody may go on', async t => {
  const on = await playResume(t)
  const chat = named('chat')
  const endsThere = async (what: string, group: string, extra: JsonObject, fault: Fault = CUT) =>
    t.test(what, async () => {
      on.clear()
      on.stages.lead.script([fault])
      const { events, record } = await on.ask(chat, group, extra)
      chat.broken(events)
      assert.equal(record.steps.length, 1)
      assert.equal(on.stages.spare.requests.length, 0)
    })
  await endsThere('no fallback and no retry: one error, and the end', 'plain', {})
  await endsThere('disable_fallbacks in the body', 'splice', { disable_fallbacks: true })
  await endsThere('disable_fallbacks in the metadata', 'splice', { metadata: { disable_fallbacks: true } })
  await endsThere('several answers at once', 'splice', { n: 2 })
  await endsThere(
    'tool calls were delivered',
    'splice',
    {
      messages: [{ role: 'user', content: '[stage:tool]' }],
      tools: [
        { type: 'function', function: { name: 'cue', parameters: { type: 'object', properties: {} } } },
      ],
    },
    { kind: 'cut', how: 'fin', afterContent: 2 },
  )
  await endsThere(
    'the error blames the request',
    'splice',
    {},
    {
      kind: 'error-event',
      error: { ...ERROR, code: 'invalid_prompt', type: 'invalid_request_error' },
      ...MARK,
    },
  )
  await t.test('a stored response is its owner’s', async () => {
    on.clear()
    on.stages.lead.script([CUT])
    const responses = named('responses')
    const { events } = await on.ask(responses, 'splice', { store: true })
    responses.broken(events)
    assert.equal(on.stages.spare.requests.length, 0)
  })
  await t.test('stream_recovery: off', async () => {
    const off = await playResume(t, { stream_recovery: 'off' })
    for (const kind of RESUME_KINDS) {
      off.stages.lead.script([CUT])
      kind.broken((await off.ask(kind, 'splice')).events)
      assert.equal(off.stages.spare.requests.length, 0)
    }
  })
})

test('the same deployment is asked again as often as num_retries allows, and no oftener', async t => {
  const on = await playResume(t, { num_retries: 1 })
  const chat = named('chat')
  on.stages.lead.script([CUT])
  const once = await on.ask(chat, 'plain')
  assert.equal(chat.text(once.events), CANONICAL)
  assert.equal(once.record.retries, 1)
  on.clear()
  // Each attempt comes further than the one before: the client loses nothing, until the attempts are spent.
  on.stages.lead.script([
    { kind: 'cut', how: 'fin', afterContent: 2 },
    { kind: 'cut', how: 'fin', afterContent: 4 },
  ])
  const twice = await on.ask(chat, 'plain')
  assert.equal(chat.text(chat.broken(twice.events).before), 'The understudy knows every')
  assert.equal(on.stages.lead.requests.length, 2)
  on.clear()
  // Who broke a stream is not asked to say it all again while somebody else can be.
  on.stages.lead.script([CUT])
  const elsewhere = await on.ask(chat, 'splice')
  assert.equal(chat.text(elsewhere.events), CANONICAL)
  assert.deepEqual(
    elsewhere.record.steps.map(step => [step.group, step.outcome]),
    [
      ['splice-chat', 'transport'],
      ['spare-chat', 'answered'],
    ],
  )
})
