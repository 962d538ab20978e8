import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, beforeEach, describe, test } from 'node:test'
import { explain } from '../src/cli/explain.ts'
import { requestLogPath } from '../src/record/log.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { everyPart, followed, PART_NAMES, type PartName } from './every-part.fixture.ts'
import { dropped } from './repairs.fixture.ts'
import {
  type AgentRequest,
  eventsOf,
  LINES,
  requestsOf,
  type Said,
  saidByMessages,
  saidByResponses,
} from './support/agents.ts'
import type { Reply } from './support/harness.ts'

/**
 * What Codex CLI and Claude Code sent, word for word, at every kind of provider: asked for, and stepping in for a lead
 * that fails, where nothing is said of `drop_params`. A hint is no reason to lose the request.
 */

const house = await everyPart({ after })
beforeEach(() => house.clear())

/** Answers in which something was lost. */
const lossy: Reply[] = []

const send = async ({ target, headers, body }: AgentRequest, group: string): Promise<Reply> => {
  const reply = await house.ask(
    target,
    { ...body, model: group },
    { headers: [...headers, ['authorization', `Bearer ${house.key}`]] },
  )
  if (dropped(reply).length > 0) lossy.push(reply)
  return reply
}

/** The answer of a kept or a new turn, sent back with the results of its calls. */
type GoOn = (request: AgentRequest, reply: Reply) => AgentRequest

const goOnResponses: GoOn = (request, reply) => {
  const { response } = eventsOf(reply).at(-1) as { response: { output: JsonObject[] } }
  const results = response.output.flatMap(({ type, call_id }) =>
    type === 'function_call'
      ? [{ type: 'function_call_output', call_id: call_id ?? null, output: 'ok' }]
      : [],
  )
  const input = [...(request.body.input as JsonObject[]), ...response.output, ...results]
  return { ...request, body: { ...request.body, input } }
}

type Piece = JsonObject & { index?: number; content_block?: JsonObject; delta?: JsonObject }

const withDelta = (block: Record<string, Json>, delta: JsonObject): void => {
  for (const [from, to] of [
    ['text', 'text'],
    ['thinking', 'thinking'],
    ['signature', 'signature'],
    ['partial_json', 'input'],
  ] as const)
    if (typeof delta[from] === 'string')
      block[to] = (typeof block[to] === 'string' ? block[to] : '') + delta[from]
}

const blocksOf = (reply: Reply): readonly JsonObject[] => {
  const blocks: Record<string, Json>[] = []
  for (const { type, index = 0, content_block: block, delta } of eventsOf(reply) as readonly Piece[]) {
    const open = blocks[index]
    if (type === 'content_block_start' && isObject(block)) blocks[index] = { ...block }
    else if (type === 'content_block_delta' && open !== undefined && isObject(delta)) withDelta(open, delta)
  }
  return blocks.map(block =>
    block.type === 'tool_use' && typeof block.input === 'string'
      ? { ...block, input: JSON.parse(block.input) as Json }
      : block,
  )
}

const goOnMessages: GoOn = (request, reply) => {
  const content = blocksOf(reply)
  const results = content.flatMap(({ type, id }) =>
    type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: id ?? null, content: 'ok' }] : [],
  )
  const messages = [
    ...(request.body.messages as JsonObject[]),
    { role: 'assistant', content },
    { role: 'user', content: results },
  ]
  return { ...request, body: { ...request.body, messages } }
}

const AGENTS = [
  {
    agent: 'codex',
    lead: 'openai',
    tool: 'exec_command',
    argument: 'cmd',
    read: saidByResponses,
    goOn: goOnResponses,
  },
  {
    agent: 'claude-code',
    lead: 'anthropic',
    tool: 'Bash',
    argument: 'command',
    read: saidByMessages,
    goOn: goOnMessages,
  },
] as const

/** Whose dialect is another one, and not the lead's either, for most. */
const thirdAfter = (name: PartName): PartName =>
  PART_NAMES[(PART_NAMES.indexOf(name) + 8) % PART_NAMES.length] ?? name

const PLAN = 'I will look it up.'

/** What is refused once and mended at the same place: what another account has sealed, and the forms of other models. */
const MENDED =
  /could not be verified|Invalid `signature`|Unknown parameter: 'prompt_cache_key'|"thinking\.type\.enabled" is not supported/

const assertNothingRefused = (): void =>
  assert.deepEqual(
    house.refusals().filter(refusal => !MENDED.test(refusal)),
    [],
  )

for (const { agent, lead, tool, argument, read, goOn } of AGENTS) {
  const stage = house.stages[`lead-${lead}`]
  const expected = (at: number): Said => {
    const line = LINES[at]
    if (line === undefined) return { calls: [], text: 'the task is done' }
    return { calls: [`${tool} ${JSON.stringify({ [argument]: line })}`], text: '' }
  }
  const assertSaid = (reply: Reply, at: number, where: string): void => {
    assert.equal(reply.status, 200, `${where}: ${reply.text}`)
    const { calls, text } = read(eventsOf(reply))
    // Cohere says what it is about to call.
    const said = calls.length > 0 && text === PLAN ? '' : text
    assert.deepEqual({ calls, text: said }, expected(at), `${where}, request ${at + 1}`)
  }

  describe(`the requests of ${agent}`, () => {
    for (const name of PART_NAMES) {
      test(`${name} takes a whole task`, async () => {
        for (const [at, request] of (await requestsOf(`${agent}-task`)).entries())
          assertSaid(await send(request, name), at, name)
        assertNothingRefused()
      })

      test(`${name} steps in at every step of the task`, async () => {
        const group = followed(lead, name)
        for (const [at, request] of (await requestsOf(`${agent}-task`)).entries()) {
          stage.script([{ kind: 'status', status: 503 }])
          const reply = await send(request, group)
          assertSaid(reply, at, name)
          assert.equal(reply.headers['x-litellm-model-group'], name)
        }
        assertNothingRefused()
      })

      test(`what ${name} said when it stepped in is gone on from by the lead, by ${thirdAfter(name)} and by itself`, async () => {
        const group = followed(lead, name)
        const [first] = await requestsOf(`${agent}-task`)
        assert.ok(first !== undefined)
        stage.script([{ kind: 'status', status: 503 }])
        const second = goOn(first, await send(first, group))
        for (const next of [group, thirdAfter(name), name]) {
          const reply = await send(second, next)
          assertSaid(reply, 1, next)
          assertSaid(await send(goOn(second, reply), group), 2, `${next}, then ${group}`)
        }
        assertNothingRefused()
      })
    }
  })
}

describe('a hint that is lost', () => {
  /** Codex writes the first ones for newer models; the others are OpenAI's, too. */
  const HINTS: JsonObject = {
    text: { verbosity: 'low' },
    parallel_tool_calls: false,
    reasoning: { effort: 'medium', summary: 'auto' },
    service_tier: 'priority',
    prompt_cache_retention: '24h',
    safety_identifier: 'player',
    truncation: 'auto',
  }
  /** Claude has the opposite of the name. */
  const isHeard = (hint: string, sent: string): boolean =>
    sent.includes(`"${hint}":`) ||
    (hint === 'parallel_tool_calls' && sent.includes('"disable_parallel_tool_use":true'))
  const hinting = async (): Promise<AgentRequest> => {
    const [codex] = await requestsOf('codex-task')
    assert.ok(codex !== undefined)
    return { ...codex, body: { ...codex.body, ...HINTS } }
  }
  for (const name of PART_NAMES)
    test(`does not keep ${name} from stepping in, and is named`, async () => {
      house.stages['lead-openai'].script([{ kind: 'status', status: 503 }])
      const reply = await send(await hinting(), followed('openai', name))
      assert.equal(reply.status, 200, reply.text)
      assert.equal(saidByResponses(eventsOf(reply)).calls.length, 1)
      const sent = JSON.stringify(house.hits().at(-1)?.json)
      for (const hint of ['verbosity', 'parallel_tool_calls'])
        assert.ok(isHeard(hint, sent) || dropped(reply).includes(hint), `${hint}, ${dropped(reply)}: ${sent}`)
    })
})

/** The header writes places as `input[3].id`, a trail's edits as `input.3.id`. */
const inEdits = (name: string): string => name.replace(/\[(\d+|\*)\]/g, '.$1')

test('what was lost is told in the log, and by `explain`, as in the header', async () => {
  await house.close()
  const lines = (await readFile(requestLogPath(house.dataDir), 'utf8')).trim().split('\n')
  const records = new Map(
    lines.map(line => {
      const record = JSON.parse(line) as { callId: string; steps: { edits: string[]; lost: string[] }[] }
      return [record.callId, record] as const
    }),
  )
  assert.ok(lossy.length > 100)
  for (const reply of lossy) {
    const id = reply.headers['x-litellm-call-id'] ?? ''
    const step = records.get(id)?.steps.at(-1)
    assert.ok(step !== undefined)
    const logged = JSON.stringify([step.edits, step.lost])
    for (const name of dropped(reply))
      assert.ok(logged.includes(name) || logged.includes(inEdits(name)), `${name} in ${logged}`)
  }
  const [reply] = lossy.slice(-1)
  assert.ok(reply !== undefined)
  const told: string[] = []
  const write = (text: string): void => void told.push(text)
  await explain(reply.headers['x-litellm-call-id'] ?? '', { dataDir: house.dataDir, write })
  for (const name of dropped(reply)) {
    const text = told.join('')
    assert.ok(text.includes(name) || text.includes(inEdits(name)), `${name} in ${text}`)
  }
})
