import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { StageOptions } from '../src/stage/stage.ts'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import {
  type AgentRequest,
  eventsOf,
  LINES,
  ORGANISATION,
  requestsOf,
  type Said,
  saidByMessages,
  saidByResponses,
} from './support/agents.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'

/** What Codex CLI and Claude Code sent, word for word, in both directions. `npm run clients` renews it. */

type Cast = { readonly openai: StageOptions; readonly anthropic: StageOptions }
const undo: (() => Promise<void>)[] = []
let house: Play<Cast>

before(async () => {
  house = await play<Cast>(
    { after: fn => void undo.push(fn) },
    {
      stages: {
        openai: { organisation: ORGANISATION, models: ['*'] },
        anthropic: { flavour: 'anthropic', organisation: ORGANISATION, models: ['*'] },
      },
      config: ({ openai, anthropic }) => ({
        model_list: [
          deployment('gpt-5', openai, 'gpt-5'),
          deployment('claude-sonnet-4-5', anthropic, 'claude-sonnet-4-5'),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ 'gpt-5': ['claude-sonnet-4-5'] }, { 'claude-sonnet-4-5': ['gpt-5'] }],
        },
      }),
    },
  )
})
beforeEach(() => {
  house.stages.openai.clear()
  house.stages.anthropic.clear()
})
after(async () => {
  for (const fn of undo.reverse()) await fn()
})

const send = ({ target, headers, body }: AgentRequest, model = body.model): Promise<Reply> =>
  house.ask(
    target,
    { ...body, model: model ?? null },
    {
      headers: [...headers, ['authorization', `Bearer ${house.key}`]],
    },
  )

const AGENTS = [
  {
    agent: 'codex',
    own: 'openai',
    other: 'anthropic',
    tool: 'exec_command',
    argument: 'cmd',
    read: saidByResponses,
  },
  {
    agent: 'claude-code',
    own: 'anthropic',
    other: 'openai',
    tool: 'Bash',
    argument: 'command',
    read: saidByMessages,
  },
] as const
const GROUPS = { openai: 'gpt-5', anthropic: 'claude-sonnet-4-5' } as const

for (const { agent, own, other, tool, argument, read } of AGENTS) {
  const expected = (at: number): Said => {
    const line = LINES[at]
    if (line === undefined) return { calls: [], text: 'the task is done' }
    return { calls: [`${tool} ${JSON.stringify({ [argument]: line })}`], text: '' }
  }
  const assertServed = async (
    file: string,
    serve: (request: AgentRequest) => Promise<Reply>,
  ): Promise<void> => {
    const requests = await requestsOf(file)
    assert.equal(requests.length, LINES.length + 1)
    for (const [at, request] of requests.entries()) {
      const reply = await serve(request)
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(read(eventsOf(reply)), expected(at), `request ${at + 1}`)
    }
  }
  const hits = (of: 'openai' | 'anthropic'): number => house.stages[of].requests.length

  describe(`the requests of ${agent}`, () => {
    test('its own provider takes a whole task', async () => {
      await assertServed(`${agent}-task`, request => send(request))
      assertNothingRefused(house.stages[own].requests)
      assert.deepEqual([hits(own), hits(other)], [4, 0])
    })

    test('the other provider takes the same task, in its own dialect', async () => {
      await assertServed(`${agent}-task`, request => send(request, GROUPS[other]))
      assertNothingRefused(house.stages[other].requests)
      assert.deepEqual([hits(own), hits(other)], [0, 4])
    })

    test('a provider that fails before content is gone over at every step of the task', async () => {
      for (const fault of [
        { kind: 'status', status: 503 },
        { kind: 'html', status: 502 },
        { kind: 'cut', how: 'rst', afterEvents: 1 },
      ] as const) {
        house.stages[own].script([fault, fault, fault, fault])
        await assertServed(`${agent}-task`, request => send(request))
      }
      assertNothingRefused(house.stages[other].requests)
      assert.deepEqual([hits(own), hits(other)], [12, 12])
    })

    test('a task that crossed over and came back is taken by either provider', async () => {
      await assertServed(`${agent}-crossed`, request => send(request))
      assertNothingRefused(house.stages[own].requests)
      await assertServed(`${agent}-crossed`, request => send(request, GROUPS[other]))
      assertNothingRefused(house.stages[other].requests)
      assert.deepEqual([hits(own), hits(other)], [4, 4])
    })
  })
}

describe('a compaction that codex asks for', () => {
  const itemsOf = ({ body }: AgentRequest): JsonObject[] => (body.input as JsonObject[]) ?? []
  const asked = async (): Promise<readonly [trigger: AgentRequest, next: AgentRequest]> => {
    const requests = await requestsOf('codex-compaction')
    const at = requests.findIndex(one => itemsOf(one).at(-1)?.type === 'compaction_trigger')
    const [trigger, next] = requests.slice(at)
    assert.ok(trigger !== undefined && next !== undefined)
    return [trigger, next]
  }
  const itemIn = (reply: Reply): JsonObject => {
    const last = eventsOf(reply).at(-1)
    assert.equal(last?.type, 'response.completed')
    const output = isObject(last.response) ? (last.response.output as JsonObject[]) : []
    assert.deepEqual(
      output.map(({ type }) => type),
      ['compaction'],
    )
    return output[0] ?? {}
  }
  /** The turn after it, with this item in the place of the kept one. */
  const goOn = (next: AgentRequest, item: JsonObject, group: string): Promise<Reply> => {
    const input = itemsOf(next).map(one => (one.type === 'compaction' ? item : one))
    return send({ ...next, body: { ...next.body, input } }, group)
  }

  test('its own provider gives one item, and goes on from it', async () => {
    const [trigger, next] = await asked()
    const item = itemIn(await send(trigger))
    assert.equal(saidByResponses(eventsOf(await goOn(next, item, GROUPS.openai))).text, 'after it')
    assertNothingRefused(house.stages.openai.requests)
    assert.equal(house.stages.anthropic.requests.length, 0)
  })

  test('where its provider fails, the other one gives one item, and both go on from it', async () => {
    const [trigger, next] = await asked()
    house.stages.openai.script([{ kind: 'status', status: 503 }])
    const item = itemIn(await send(trigger))
    assert.match(String(item.encrypted_content), /^gwc1\./)
    for (const group of [GROUPS.openai, GROUPS.anthropic])
      assert.equal(saidByResponses(eventsOf(await goOn(next, item, group))).text, 'after it', group)
    assertNothingRefused([...house.stages.openai.requests, ...house.stages.anthropic.requests])
    assert.deepEqual([house.stages.openai.requests.length, house.stages.anthropic.requests.length], [2, 2])
  })
})

describe('a compaction that claude-code asks for', () => {
  const asked = async (): Promise<readonly [summarise: AgentRequest, next: AgentRequest]> => {
    const requests = await requestsOf('claude-code-compaction')
    const [summarise, next] = requests.slice(LINES.length + 1)
    assert.ok(summarise !== undefined && next !== undefined)
    assert.match(JSON.stringify(next.body.messages), /being continued from a previous conversation/)
    return [summarise, next]
  }
  const LINE = 'The understudy knows every line.'
  const said = async (request: AgentRequest, group: string): Promise<string> =>
    saidByMessages(eventsOf(await send(request, group))).text

  test('is a summary in words, from its own provider, from the other one, and where its provider fails', async () => {
    const [summarise] = await asked()
    for (const group of Object.values(GROUPS)) assert.equal(await said(summarise, group), LINE, group)
    for (const fault of [
      { kind: 'status', status: 529 },
      { kind: 'cut', how: 'rst', afterContent: 0 },
    ] as const) {
      house.stages.anthropic.script([fault])
      assert.equal(await said(summarise, GROUPS.anthropic), LINE, fault.kind)
    }
    assertNothingRefused(house.stages.openai.requests)
    assert.deepEqual([house.stages.openai.requests.length, house.stages.anthropic.requests.length], [3, 3])
  })

  test('is gone on from at either provider', async () => {
    const [, next] = await asked()
    for (const group of Object.values(GROUPS)) assert.equal(await said(next, group), 'after it', group)
    assertNothingRefused([...house.stages.openai.requests, ...house.stages.anthropic.requests])
  })
})
