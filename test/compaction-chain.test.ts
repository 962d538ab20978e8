import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { closedPort, type Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { FAULTS, type Fault, startFailing } from './compaction-chain.fixture.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { steady } from './support/steady.ts'

/**
 * Whoever is asked first for a compaction, however he fails, whoever stands by: the client gets one item in the shape of
 * the wire that it asked by, and the conversation goes on with that item everywhere.
 */

const SUMMARY = 'They want a bridge over the Elbe, of oak.'
const user = (text: string): JsonObject => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
})
const HISTORY: readonly JsonObject[] = [
  user('Build me a bridge of oak.'),
  { type: 'function_call', call_id: 'call_1', name: 'measure', arguments: '{"river":"Elbe"}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'It is 300 m wide.' },
]

const WIRES = ['endpoint', 'whole', 'streamed'] as const
type Wire = (typeof WIRES)[number]

type Target = {
  readonly params: JsonObject
  readonly info?: JsonObject
  /** What stands behind the origin in `api_base`. */
  readonly base: string
  /** How the header calls what it makes, by the endpoint and by the trigger. */
  readonly how: readonly [endpoint: string, trigger: string]
}

const NATIVE = ['native', 'native'] as const
const EMULATED = ['emulated', 'emulated'] as const

/** Every way in which a deployment can compact, best first. */
const TARGETS = {
  openai: { params: {}, base: '/v1', how: NATIVE },
  azure: { params: {}, base: '/openai/v1', how: NATIVE },
  // The one that the client did not ask by: which it is depends on the client.
  'other-trigger': {
    params: {},
    info: { compaction: 'trigger' },
    base: '/v1',
    how: ['native-other-wire', 'native'],
  },
  'other-endpoint': {
    params: {},
    info: { compaction: 'endpoint' },
    base: '/v1',
    how: ['native', 'native-other-wire'],
  },
  own: {
    params: { model: 'anthropic/claude-sonnet-4-5' },
    info: { compaction: 'own' },
    base: '',
    how: ['anthropic', 'anthropic'],
  },
  claude: { params: { model: 'anthropic/claude-sonnet-4-5' }, base: '', how: EMULATED },
  gemini: { params: { model: 'gemini/gemini-2.5-flash' }, base: '', how: EMULATED },
  bedrock: {
    params: {
      model: 'bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0',
      aws_region_name: 'us-east-1',
      aws_access_key_id: 'AKIASTAGE',
      aws_secret_access_key: 'stage-secret',
    },
    base: '',
    how: EMULATED,
  },
  chat: { params: { model: 'groq/gpt-4.1' }, base: '/v1', how: EMULATED },
} satisfies Readonly<Record<string, Target>>

type Kind = keyof typeof TARGETS
const KINDS = Object.keys(TARGETS) as readonly Kind[]

const STAGES = {
  openai: { says: SUMMARY },
  azure: { flavour: 'azure' as const, models: ['*'], says: SUMMARY },
  'other-trigger': { says: SUMMARY },
  'other-endpoint': { says: SUMMARY },
  own: { flavour: 'anthropic' as const, says: SUMMARY, models: ['*'] },
  claude: { flavour: 'anthropic' as const, says: SUMMARY, models: ['*'] },
  gemini: { flavour: 'gemini' as const, says: SUMMARY, models: ['*'] },
  chat: { says: SUMMARY },
}

const addressed = (kind: Kind, origin: string): JsonObject =>
  kind === 'bedrock'
    ? { aws_bedrock_runtime_endpoint: origin }
    : { api_base: origin + TARGETS[kind].base, ...(kind === 'azure' ? { api_version: 'v1' } : {}) }

const bedrock: BedrockStage = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)) })
after(() => bedrock.close())
const failing = await startFailing({ after })
const nobody = `http://127.0.0.1:${await closedPort()}`

/** A group of one deployment that fails in this way. */
const broken = (kind: Kind, fault: Fault): JsonObject => {
  const origin = fault === 'refused' ? nobody : `${failing}/${fault}/${kind}`
  const { params, info }: Target = TARGETS[kind]
  const model = kind === 'azure' ? 'azure/gpt-4.1' : 'openai/gpt-4.1'
  return {
    model_name: `${kind} ${fault}`,
    litellm_params: { model, api_key: 'sk-x', ...params, ...addressed(kind, origin) },
    model_info: { id: `${kind} ${fault}`, ...info },
  }
}

const whole = (kind: Kind, stages: Readonly<Record<Exclude<Kind, 'bedrock'>, Stage>>): JsonObject => {
  const { params, info }: Target = TARGETS[kind]
  const litellm =
    kind === 'bedrock'
      ? { ...params, ...addressed(kind, bedrock.url) }
      : (deployment(kind, stages[kind], 'gpt-4.1', params).litellm_params as JsonObject)
  return { model_name: kind, litellm_params: litellm, model_info: { id: kind, ...info } }
}

const house = await play(
  { after },
  {
    stages: STAGES,
    start: steady().start,
    config: stages => ({
      model_list: [
        ...KINDS.map(kind => whole(kind, stages)),
        ...KINDS.flatMap(kind => FAULTS.map(fault => broken(kind, fault))),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, compaction_shadow: true },
    }),
  },
)

const askFor = (wire: Wire, model: string, more: JsonObject = {}): Promise<Reply> =>
  wire === 'endpoint'
    ? house.ask('/v1/responses/compact', { model, input: HISTORY, ...more })
    : house.ask('/v1/responses', {
        model,
        input: [...HISTORY, { type: 'compaction_trigger' }],
        store: false,
        ...(wire === 'streamed' ? { stream: true } : {}),
        ...more,
      })

const onlyItem = (output: Json | undefined): JsonObject => {
  const items = (Array.isArray(output) ? output : []).filter(isObject)
  const found = items.filter(item => item.type === 'compaction')
  assert.equal(found.length, 1, 'exactly one compaction item')
  const [item] = found
  assert.ok(item !== undefined && typeof item.encrypted_content === 'string' && item.encrypted_content !== '')
  return item
}

const itemIn: Readonly<Record<Wire, (reply: Reply) => JsonObject>> = {
  endpoint: reply => {
    const answer = reply.json()
    assert.equal(answer.object, 'response.compaction')
    return onlyItem(answer.output)
  },
  whole: reply => {
    const answer = reply.json()
    assert.deepEqual([answer.object, answer.status], ['response', 'completed'])
    assert.equal((answer.output as readonly Json[]).length, 1)
    return onlyItem(answer.output)
  },
  streamed: reply => {
    const events = reply.text
      .split('\n\n')
      .filter(block => block !== '' && !block.endsWith('[DONE]'))
      .map(block => JSON.parse(block.slice(block.indexOf('data: ') + 6)) as JsonObject)
    assert.deepEqual(
      events.map(event => [event.type, event.sequence_number]),
      ['created', 'in_progress', 'output_item.added', 'output_item.done', 'completed'].map((name, at) => [
        `response.${name}`,
        at,
      ]),
    )
    const response = events[4]?.response
    const item = onlyItem([events[3]?.item ?? null])
    assert.deepEqual(onlyItem(isObject(response) ? response.output : undefined), item)
    return item
  },
}

const howOf = (kind: Kind, wire: Wire): string => TARGETS[kind].how[wire === 'endpoint' ? 0 : 1]

/** A few at a time: each case is a call of its own, and none knows of another. */
const inParallel = async <One>(cases: readonly One[], run: (one: One) => Promise<void>): Promise<void> => {
  const left = cases.values()
  const work = async (): Promise<void> => {
    for (const one of left) await run(one)
  }
  await Promise.all(Array.from({ length: 12 }, work))
}

const refusedAt = (): readonly string[] => [
  ...Object.values(house.stages).flatMap(stage =>
    stage.requests.flatMap(hit =>
      hit.refusal === undefined ? [] : [`${stage.name}: ${hit.refusal.error.message}`],
    ),
  ),
  ...bedrock.requests.flatMap(({ refused }) => (refused === undefined ? [] : [`bedrock: ${refused}`])),
]

/** Each pair with each fault, and each pair by each wire: which of them meet turns from fault to fault. */
const casesOf = (turn: number): readonly { wire: Wire; first: Kind; second: Kind }[] =>
  KINDS.flatMap((first, row) =>
    KINDS.map((second, column) => ({ wire: WIRES[(row + column + turn) % 3] ?? 'whole', first, second })),
  )

for (const [turn, fault] of FAULTS.entries())
  test(`a compaction survives ${fault} at whoever is asked first, whoever stands by`, async () => {
    const cases = casesOf(turn)
    const wrong: string[] = []
    await inParallel(cases, async ({ wire, first, second }) => {
      const reply = await askFor(wire, `${first} ${fault}`, { fallbacks: [second] })
      try {
        assert.equal(reply.status, 200, reply.text.slice(0, 300))
        itemIn[wire](reply)
        assert.equal(reply.headers['x-understudy-compaction'], `${howOf(second, wire)}; target=${second}`)
        assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
        assert.ok(!reply.text.includes(SUMMARY))
      } catch (error) {
        wrong.push(`${wire}: ${first} → ${second}: ${error instanceof Error ? error.message : ''}`)
      }
    })
    assert.deepEqual(wrong, [])
    assert.deepEqual(refusedAt(), [])
  })

test('a conversation goes on with its item at every healthy provider, by every wire', async () => {
  const wrong: string[] = []
  const cases = WIRES.flatMap(wire => KINDS.map(maker => ({ wire, maker })))
  await inParallel(cases, async ({ wire, maker }) => {
    const item = itemIn[wire](await askFor(wire, maker))
    for (const model of KINDS) {
      const input = [user('Build me a bridge of oak.'), item, user('Go on.')]
      const reply = await house.ask('/v1/responses', { model, input, store: false })
      // A model that only its maker can read goes to its maker, or with a copy of it in words to anybody.
      if (reply.status !== 200) wrong.push(`${wire} by ${maker} → ${model}: ${reply.text.slice(0, 300)}`)
    }
  })
  assert.deepEqual(wrong, [])
  assert.deepEqual(refusedAt(), [])
})
