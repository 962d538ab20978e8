import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { again } from './support/again.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'

const STAGES = { lead: {}, twin: {}, chat: {} }
type Theatre = Play<typeof STAGES>

const HISTORY: readonly JsonObject[] = [
  { role: 'user', content: 'Build me a bridge of oak.' },
  { type: 'function_call', call_id: 'call_1', name: 'measure', arguments: '{"river":"Elbe"}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'It is 300 m wide.' },
]
const TRIGGER: JsonObject = { type: 'compaction_trigger' }

/** `lead` falls back to another account of the same provider, `other` to a provider of chat completions. */
const started = (t: TestContext, router: JsonObject): Promise<Theatre> =>
  play(t, {
    stages: STAGES,
    config: ({ lead, twin, chat }) => ({
      model_list: [
        deployment('lead', lead, 'gpt-4.1'),
        deployment('other', lead, 'gpt-4.1'),
        deployment('twin', twin, 'gpt-4.1'),
        deployment('chat', chat, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
      ],
      general_settings: { public_routes: ['/responses*'] },
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ lead: ['twin'] }, { other: ['chat'] }],
        ...router,
      },
    }),
  })

const itemIn = (reply: Reply): JsonObject => {
  assert.equal(reply.status, 200, reply.text)
  assert.match(reply.headers['x-understudy-compaction'] ?? '', /^native; /)
  const found = /\{[^{}]*"encrypted_content":"[^"]+"[^{}]*\}/.exec(reply.text)?.[0]
  return JSON.parse(found ?? '{}') as JsonObject
}

const compactedBy = {
  endpoint: ({ ask }: Theatre, group: string) =>
    ask('/v1/responses/compact', { model: group, input: HISTORY }),
  whole: ({ ask }: Theatre, group: string) =>
    ask('/v1/responses', { model: group, input: [...HISTORY, TRIGGER] }),
  streamed: ({ ask }: Theatre, group: string) =>
    ask('/v1/responses', { model: group, input: [...HISTORY, TRIGGER], stream: true }),
} as const
const WIRES = Object.keys(compactedBy) as readonly (keyof typeof compactedBy)[]

const goOn = ({ ask }: Theatre, group: string, item: JsonObject): Promise<Reply> =>
  ask('/v1/responses', { model: group, input: [item, { role: 'user', content: 'Go on.' }] })

const lastText = (stage: Stage): string => Buffer.from(stage.requests.at(-1)?.body ?? []).toString()

const down = (stage: Stage): void => stage.script(always({ kind: 'status', status: 503 }))

test('a conversation goes on elsewhere with the copy when the maker of its compaction is out', async t => {
  for (const wire of WIRES) {
    const theatre = await started(t, { compaction_shadow: true })
    const { lead, twin, chat } = theatre.stages
    const items = {
      lead: itemIn(await compactedBy[wire](theatre, 'lead')),
      other: itemIn(await compactedBy[wire](theatre, 'other')),
    }
    assert.equal((await goOn(theatre, 'lead', items.lead)).status, 200)
    assert.ok(lastText(lead).includes(String(items.lead.encrypted_content)), 'the maker reads its own')
    down(lead)
    for (const [group, backup] of [
      ['lead', twin],
      ['other', chat],
    ] as const) {
      const item = items[group]
      const reply = await goOn(theatre, group, item)
      assert.equal(reply.status, 200, `${wire}: ${reply.text}`)
      const text = lastText(backup)
      assert.ok(!text.includes(String(item.encrypted_content)), 'what it cannot read it does not get')
      for (const words of [
        'The earlier conversation',
        'Build me a bridge of oak.',
        'measure',
        'It is 300 m wide.',
        'Go on.',
      ])
        assert.ok(text.includes(words), `${wire} to ${group}: ${text}`)
    }
  }
})

test('a result that comes after the compaction of its call is told in words where the copy stands in', async t => {
  const theatre = await started(t, { compaction_shadow: true })
  const { lead, twin, chat } = theatre.stages
  const late: JsonObject = { type: 'function_call_output', call_id: 'call_late', output: 'Two owls.' }
  for (const [group, backup] of [
    ['lead', twin],
    ['other', chat],
  ] as const) {
    const item = itemIn(await compactedBy.endpoint(theatre, group))
    down(lead)
    const input = [item, late, { role: 'user', content: 'Go on.' }]
    const reply = await theatre.ask('/v1/responses', { model: group, input })
    assert.equal(reply.status, 200, reply.text)
    assert.match(lastText(backup), /call_late.*Two owls\./)
    lead.clear()
  }
  // Its maker knows the call by the item: there the result is what it was.
  const item = itemIn(await compactedBy.endpoint(theatre, 'lead'))
  await theatre.ask('/v1/responses', { model: 'lead', input: [item, late] })
  assert.ok(lastText(lead).includes(JSON.stringify(late)))
})

test('a compaction is compacted on where its maker is out, and its copy with it', async t => {
  const theatre = await started(t, { compaction_shadow: ['other'], compaction_model: 'chat' })
  const first = itemIn(await compactedBy.endpoint(theatre, 'other'))
  const again = { model: 'other', input: [first, { role: 'user', content: 'And a second one of stone.' }] }
  const second = itemIn(await theatre.ask('/v1/responses/compact', again))
  down(theatre.stages.lead)
  const emulated = await theatre.ask('/v1/responses/compact', again)
  assert.equal(emulated.headers['x-understudy-compaction'], 'emulated; target=chat')
  assert.ok(lastText(theatre.stages.chat).includes('Build me a bridge of oak.'))
  assert.equal((await goOn(theatre, 'other', second)).status, 200)
  for (const words of ['bridge of oak', 'second one of stone'])
    assert.ok(lastText(theatre.stages.chat).includes(words))
})

test('without the operator’s word nothing is kept, and the item is never dropped', async t => {
  for (const router of [{}, { compaction_shadow: false }, { compaction_shadow: ['twin'] }]) {
    const theatre = await started(t, router)
    const item = itemIn(await compactedBy.endpoint(theatre, 'other'))
    down(theatre.stages.lead)
    const reply = await goOn(theatre, 'other', item)
    assert.ok(reply.status >= 400, reply.text)
    assert.equal(theatre.stages.chat.requests.length, 0)
  }
})

test('a copy is there for the one whose conversation it was', async t => {
  const theatre = await started(t, { compaction_shadow: true })
  const item = itemIn(await compactedBy.endpoint(theatre, 'other'))
  down(theatre.stages.lead)
  const body: Json = { model: 'other', input: [item, { role: 'user', content: 'Go on.' }] }
  const theirs = await theatre.ask('/responses', body, { headers: [] })
  assert.ok(theirs.status >= 400, theirs.text)
  assert.ok(!lastText(theatre.stages.chat).includes('bridge'))
  assert.equal((await theatre.ask('/v1/responses', body)).status, 200)
})

test('a copy outlives the process that made it', async t => {
  const theatre = await started(t, { compaction_shadow: true })
  const item = itemIn(await compactedBy.streamed(theatre, 'other'))
  await theatre.close()
  const restarted = await again(t, theatre)
  down(theatre.stages.lead)
  const reply = await goOn({ ...theatre, ...restarted }, 'other', item)
  assert.equal(reply.status, 200, reply.text)
  assert.ok(lastText(theatre.stages.chat).includes('Build me a bridge of oak.'))
})
