import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { bodies, down, dropped, itemsOf, RESPONSES, refusing, said } from './repairs.fixture.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { parseSse } from './support/sse.ts'
import { asked, steady } from './support/steady.ts'

/** Reasoning and compactions that one account has sealed, on their way past another one. */

const COMPACT = '/v1/responses/compact'
type Cast = { readonly lead: object; readonly backup: object }
type House = Play<Cast> & { readonly lead: Stage; readonly backup: Stage }

/** `star` leads to `second`; `pair` is both accounts in one group; `cousin` is another model of the lead's account. */
const house = async (t: TestContext, router: JsonObject = {}): Promise<House> => {
  const started = await play<Cast>(t, {
    stages: { lead: {}, backup: {} },
    start: steady().start,
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('second', backup, 'gpt-4.1'),
        deployment('cousin', lead, 'gpt-4o'),
        deployment('pair', backup, 'gpt-4.1-mini'),
        deployment('pair', lead, 'gpt-4.1-mini'),
        deployment('mixed', lead, 'gpt-4.1'),
        deployment('kin', lead, 'gpt-4o'),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [{ star: ['second'] }, { mixed: ['kin'] }],
        ...router,
      },
    }),
  })
  return { ...started, lead: started.stages.lead, backup: started.stages.backup }
}

const question = { type: 'message', role: 'user', content: 'Line, please.' }
const turn = (model: string, input: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  model,
  input,
  store: false,
  reasoning: { effort: 'low' },
  include: ['reasoning.encrypted_content'],
  ...more,
})

const outputOf = (reply: Reply): readonly JsonObject[] => {
  assert.equal(reply.status, 200, reply.text)
  return itemsOf({ input: reply.json().output ?? null })
}

/** The first turn of a conversation at `model`: what the client will send again. */
const begun = async (theatre: House, model: string): Promise<readonly JsonObject[]> => {
  const output = outputOf(await theatre.ask(RESPONSES, turn(model, [question])))
  assert.ok(output.some(item => item.type === 'reasoning' && typeof item.encrypted_content === 'string'))
  theatre.lead.clear()
  theatre.backup.clear()
  return [question, ...output, { ...question, content: 'And again.' }]
}

const typesAt = (stage: Stage): readonly unknown[] => itemsOf(bodies(stage).at(-1)).map(item => item.type)

describe('reasoning', () => {
  test('stays with the account that made it, byte for byte, other models of it included', async t => {
    const theatre = await house(t)
    const input = await begun(theatre, 'star')
    for (const model of ['star', 'cousin']) {
      const reply = await theatre.ask(RESPONSES, turn(model, input))
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(itemsOf(bodies(theatre.lead).at(-1)), input)
      assert.equal(reply.headers['x-understudy-dropped'], undefined)
    }
  })

  for (const stream of [false, true])
    test(`M-101 left out of a hop to another account${stream ? ', streamed' : ''}: one attempt there, words and calls kept`, async t => {
      const theatre = await house(t)
      const { lead, backup, ask } = theatre
      const input = await begun(theatre, 'star')
      const call = {
        type: 'function_call',
        id: 'fc_x',
        call_id: 'call_1',
        name: 'f',
        arguments: '{"x": 1.0}',
      }
      const answer = { type: 'function_call_output', call_id: 'call_1', output: 'y' }
      const withCall = [...input.slice(0, -1), call, answer, input.at(-1) ?? {}]
      down(lead)
      const reply = await ask(RESPONSES, turn('star', withCall, { stream }))
      assert.equal(reply.status, 200, reply.text)
      assert.equal(backup.requests.length, 1)
      assert.equal(backup.requests[0]?.refusal, undefined)
      assert.deepEqual(typesAt(backup), [
        'message',
        'message',
        'function_call',
        'function_call_output',
        'message',
      ])
      const [, said, called] = itemsOf(bodies(backup)[0])
      assert.deepEqual([said?.id, called?.id, called?.call_id], [undefined, undefined, 'call_1'])
      assert.ok(backup.requests[0]?.text.includes('"{\\"x\\": 1.0}"'))
      assert.deepEqual(dropped(reply), ['input[2].id', 'input[3].id', 'input[1]'])
    })

  test('of a stream is remembered too', async t => {
    const { lead, backup, ask } = await house(t)
    const reply = await ask(RESPONSES, turn('star', [question], { stream: true }))
    const last = JSON.parse(parseSse(Buffer.from(reply.text)).at(-1)?.data ?? '')
    down(lead)
    const next = await ask(RESPONSES, turn('star', [question, ...last.response.output, question]))
    assert.equal(next.status, 200, next.text)
    assert.equal(backup.requests.length, 1)
    assert.ok(!typesAt(backup).includes('reasoning'))
  })

  test('draws the call to who can read it, where a group spans accounts', async t => {
    const theatre = await house(t)
    const input = await begun(theatre, 'star')
    for (let time = 0; time < 3; time++)
      assert.equal((await theatre.ask(RESPONSES, turn('pair', input))).status, 200)
    // Steady dice draw the first of a group, which is the other account's.
    assert.deepEqual([theatre.lead.requests.length, theatre.backup.requests.length], [3, 0])
    await theatre.ask(RESPONSES, turn('pair', [question]))
    assert.equal(theatre.backup.requests.length, 1)
  })

  test('does not keep a call from being served when its maker is out', async t => {
    const theatre = await house(t, { num_retries: 1 })
    const input = await begun(theatre, 'star')
    down(theatre.lead)
    const reply = await theatre.ask(RESPONSES, turn('pair', input))
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual([theatre.lead.requests.length, theatre.backup.requests.length], [1, 1])
    assert.ok(!typesAt(theatre.backup).includes('reasoning'))
  })

  test('with encrypted_content_affinity it goes to its maker or nowhere', async t => {
    const theatre = await house(t, { optional_pre_call_checks: ['encrypted_content_affinity'] })
    const input = await begun(theatre, 'star')
    down(theatre.lead)
    assert.equal((await theatre.ask(RESPONSES, turn('star', input))).status, 503)
    assert.equal(theatre.backup.requests.length, 0)
  })
})

describe('reasoning that nobody here saw being made', () => {
  /** The account of another gateway made it. */
  const unseen = async (t: TestContext): Promise<readonly JsonObject[]> => begun(await house(t), 'star')

  test('M-101 sent as it is; the provider that cannot read it is asked once more without it', async t => {
    const theatre = await house(t)
    const input = await unseen(t)
    const reply = await theatre.ask(RESPONSES, turn('second', input))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(theatre.backup.requests.length, 2)
    assert.deepEqual(itemsOf(bodies(theatre.backup)[0]), input)
    assert.deepEqual(typesAt(theatre.backup), ['message', 'message', 'message'])
    assert.ok(dropped(reply).includes('input[1]'))
    const next = await theatre.ask(RESPONSES, turn('second', [...input, question]))
    assert.equal(next.status, 200)
    assert.equal(theatre.backup.requests.length, 3, 'it is known now who cannot read it')
  })

  test('but was sealed here around another provider’s, is left out at once', async t => {
    const theatre = await house(t)
    const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'understudy.r1.e30' }
    const reply = await theatre.ask(RESPONSES, turn('second', [question, sealed, question]))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(theatre.backup.requests.length, 1)
    assert.deepEqual(typesAt(theatre.backup), ['message', 'message'])
  })

  test('is repaired in Azure’s words too, and once', async t => {
    const theatre = await house(t)
    const input = await unseen(t)
    const refusal = refusing(
      'The encrypted content for item rs_1 could not be verified.',
      'invalid_encrypted_content',
    )
    theatre.backup.script([refusal, refusal])
    const reply = await theatre.ask(RESPONSES, turn('second', input))
    assert.equal(reply.status, 400)
    assert.equal(said(reply).code, 'invalid_encrypted_content')
    assert.equal(theatre.backup.requests.length, 2)
  })

  test('is repaired whether parameters are learned or not', async t => {
    const theatre = await house(t, { learn_unsupported_params: false })
    const input = await unseen(t)
    assert.equal((await theatre.ask(RESPONSES, turn('second', input))).status, 200)
  })

  test('goes alone: what this account itself has made is sent again in the next turn', async t => {
    const theatre = await house(t)
    const foreign = await unseen(t)
    const own = await begun(theatre, 'second')
    const input = [...foreign, ...own]
    assert.equal((await theatre.ask(RESPONSES, turn('second', input))).status, 200)
    assert.equal(theatre.backup.requests.length, 2)
    assert.ok(!typesAt(theatre.backup).includes('reasoning'), 'once without any of it')
    assert.equal((await theatre.ask(RESPONSES, turn('second', input))).status, 200)
    assert.equal(theatre.backup.requests.length, 3)
    assert.equal(typesAt(theatre.backup).filter(type => type === 'reasoning').length, 1)
  })
})

describe('a compaction', () => {
  const compacted = async (theatre: House, model: string): Promise<readonly JsonObject[]> => {
    const output = outputOf(await theatre.ask(COMPACT, { model, input: [question] }))
    assert.equal(output.at(-1)?.type, 'compaction')
    theatre.lead.clear()
    theatre.backup.clear()
    return [...output, question]
  }

  test('goes to the account that made it, wherever the call would have been drawn', async t => {
    const theatre = await house(t)
    const input = await compacted(theatre, 'star')
    for (const path of [RESPONSES, COMPACT])
      assert.equal((await theatre.ask(path, { model: 'pair', input })).status, 200)
    assert.deepEqual(asked(theatre.lead), ['gpt-4.1-mini', 'gpt-4.1-mini'])
    assert.equal(theatre.backup.requests.length, 0)
  })

  test('is never left out and never sent to a stranger: its maker’s failure is told', async t => {
    const theatre = await house(t)
    const input = await compacted(theatre, 'star')
    down(theatre.lead)
    const reply = await theatre.ask(RESPONSES, turn('star', input))
    assert.equal(reply.status, 503)
    assert.equal(theatre.backup.requests.length, 0)
  })

  test('may go on at another model of the same account', async t => {
    const theatre = await house(t)
    const input = await compacted(theatre, 'mixed')
    theatre.lead.script([{ kind: 'status', status: 503 }], { model: 'gpt-4.1' })
    const reply = await theatre.ask(RESPONSES, turn('mixed', input))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['x-litellm-model-group'], 'kin')
  })

  test('of an account that the model does not use is refused with the cause, and nobody is asked', async t => {
    const theatre = await house(t)
    const input = await compacted(theatre, 'star')
    const reply = await theatre.ask(RESPONSES, turn('second', input))
    assert.equal(reply.status, 400)
    assert.match(String(said(reply).message), /encrypted_content.*second/)
    assert.deepEqual([theatre.lead.requests.length, theatre.backup.requests.length], [0, 0])
  })

  test('beside one of another account is refused where only one of them can be read', async t => {
    const theatre = await house(t)
    const input = [...(await compacted(theatre, 'star')), ...(await compacted(theatre, 'second'))]
    const reply = await theatre.ask(RESPONSES, turn('star', input))
    assert.equal(reply.status, 400, reply.text)
    assert.match(
      String(said(reply).message),
      /input\[4\] \(compaction\) was made by another provider account/,
    )
    assert.equal(said(reply).param, 'input[4]')
    assert.deepEqual([theatre.lead.requests.length, theatre.backup.requests.length], [0, 0])
  })

  test('that nobody here saw being made is refused by the provider, unchanged and once', async t => {
    const input = await compacted(await house(t), 'star')
    const theatre = await house(t)
    const reply = await theatre.ask(RESPONSES, turn('second', input))
    assert.equal(reply.status, 400)
    assert.equal(said(reply).code, 'invalid_encrypted_content')
    assert.equal(theatre.backup.requests.length, 1)
  })
})

describe('items that an account keeps', () => {
  /** A stored turn: its items are known by their ids. */
  const stored = async (theatre: House): Promise<readonly JsonObject[]> => {
    const body = { model: 'star', input: [{ ...question, content: '[stage:reason] Line?' }] }
    const output = outputOf(await theatre.ask(RESPONSES, body))
    theatre.lead.clear()
    return output
  }
  const reference = (item: JsonObject | undefined): JsonObject => ({
    type: 'item_reference',
    id: item?.id ?? '',
  })

  test('are referred to where they are kept, and sent to everybody else', async t => {
    const theatre = await house(t)
    const input = [reference((await stored(theatre)).at(-1)), question]
    assert.equal((await theatre.ask(RESPONSES, { model: 'pair', input })).status, 200)
    assert.deepEqual(asked(theatre.lead), ['gpt-4.1-mini'])
    assert.deepEqual(typesAt(theatre.lead), ['item_reference', 'message'])
    down(theatre.lead)
    assert.equal((await theatre.ask(RESPONSES, { model: 'star', input })).status, 200)
    assert.deepEqual(typesAt(theatre.backup), ['message', 'message'])
  })

  test('of a stream are remembered too', async t => {
    const theatre = await house(t)
    const body = { model: 'star', input: [question], stream: true }
    const events = parseSse(Buffer.from((await theatre.ask(RESPONSES, body)).text))
    const { response } = JSON.parse(events.at(-1)?.data ?? '')
    const input = [reference(response.output.at(-1)), question]
    assert.equal((await theatre.ask(RESPONSES, { model: 'pair', input })).status, 200)
    assert.equal(theatre.backup.requests.length, 0)
  })

  test('of which nobody here knows are asked for once, and no fallback sees them', async t => {
    const theatre = await house(t)
    down(theatre.lead)
    const input = [{ type: 'item_reference', id: 'msg_of_somebody' }, question]
    assert.equal((await theatre.ask(RESPONSES, { model: 'star', input })).status, 503)
    assert.deepEqual([theatre.lead.requests.length, theatre.backup.requests.length], [1, 0])
  })

  test('reasoning among them stays behind on the way to another account', async t => {
    const theatre = await house(t)
    const output = await stored(theatre)
    assert.equal(output[0]?.type, 'reasoning')
    down(theatre.lead)
    const reply = await theatre.ask(RESPONSES, { model: 'star', input: [question, ...output, question] })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(theatre.backup.requests.length, 1)
    assert.deepEqual(typesAt(theatre.backup), ['message', 'message', 'message'])
  })

  test('reasoning that a provider does not find is left out, once', async t => {
    const theatre = await house(t)
    const missing = {
      kind: 'status' as const,
      status: 404,
      body: {
        error: {
          message:
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.",
          type: 'invalid_request_error',
          param: 'input',
          code: null,
        },
      },
    }
    theatre.backup.script([missing])
    const input = [question, { type: 'reasoning', id: 'rs_1', summary: [] }, question]
    const reply = await theatre.ask(RESPONSES, { model: 'second', input })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(dropped(reply), ['input[1]'])
    assert.deepEqual(typesAt(theatre.backup), ['message', 'message'])
    assert.equal((await theatre.ask(RESPONSES, { model: 'second', input })).status, 200)
    assert.equal(theatre.backup.requests.length, 3)
  })
})
