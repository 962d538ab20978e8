import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { framesOf } from './support/answers.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { openHall } from './support/hall.ts'
import { deployment, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'

/** Conversations of which one turn is answered by one provider and the next by another. Each number has its row in docs/museum.md. */

const any = { models: ['*'] } as const
const bedrock = await startBedrockStage({ now: () => new Date(hall.served().house.clock.wall()) })
after(() => bedrock.close())

const SPARES = ['claude', 'flash', 'signed', 'chatty', 'blue'] as const

const hall = await openHall(
  { after },
  {
    stages: {
      openai: any,
      anthropic: { ...any, flavour: 'anthropic' },
      gemini: { ...any, flavour: 'gemini' },
      plain: any,
      azure: { ...any, flavour: 'azure' },
    },
    config: ({ openai, anthropic, gemini, plain, azure }) => ({
      model_list: [
        ...SPARES.map(spare => deployment(`gpt-${spare}`, openai, 'gpt-5')),
        ...SPARES.filter(spare => spare !== 'claude').map(spare =>
          deployment(`claude-${spare}`, anthropic, 'claude-sonnet-4-5'),
        ),
        deployment('claude', anthropic, 'claude-sonnet-4-5'),
        deployment('flash', gemini, 'gemini-3-flash'),
        {
          model_name: 'signed',
          litellm_params: {
            model: 'bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0',
            aws_bedrock_runtime_endpoint: bedrock.url,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIASTAGE',
            aws_secret_access_key: 'stage-secret',
          },
        },
        deployment('chatty', plain, 'gpt-oss', { model: 'groq/gpt-oss' }),
        deployment('blue', azure, 'prod'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: SPARES.flatMap(spare => [
          { [`gpt-${spare}`]: [spare] },
          ...(spare === 'claude' ? [] : [{ [`claude-${spare}`]: [spare] }]),
        ]),
      },
    }),
  },
)
const { openai, anthropic } = hall.stages
beforeEach(() => {
  for (const stage of Object.values(hall.stages)) stage.clear()
})

const nothingRefused = (what: string): void => {
  for (const stage of Object.values(hall.stages))
    assertNothingRefused(stage.requests.filter(hit => hit.fault?.kind !== 'status'))
  assert.deepEqual(
    bedrock.requests.flatMap(({ refused }) => refused ?? []),
    [],
    what,
  )
}

const down = (stage: Stage): void => {
  stage.clear()
  stage.script(always({ kind: 'status', status: 503 }))
}

const LOOK = {
  name: 'look',
  description: 'Looks somewhere.',
  parameters: {
    type: 'object',
    properties: { at: { type: 'string' } },
    required: ['at'],
    additionalProperties: false,
  },
}

const objects = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly Json[]).filter(isObject) : []

/** The items of a whole response, or of the last event of a streamed one. */
const outputOf = (reply: Reply, stream: boolean): readonly JsonObject[] => {
  if (!stream) return objects(reply.json().output)
  const last = JSON.parse(framesOf(reply.text).at(-1)?.data ?? '') as JsonObject
  assert.equal(last.type, 'response.completed', reply.text)
  return objects((last.response as JsonObject).output)
}

/** What the ids of items begin with that OpenAI takes back. */
const PREFIXES: Readonly<Record<string, RegExp>> = {
  message: /^msg_[\w-]{1,60}$/,
  function_call: /^fc_[\w-]{1,61}$/,
  reasoning: /^rs_[\w-]{1,61}$/,
}

for (const spare of SPARES)
  test(`M-037 a response that ${spare} stood in for is gone on with at the primary, and back: ids have OpenAI’s shape, calls keep theirs`, async () => {
    for (const stream of [false, true]) {
      const what = `${spare}, stream ${stream}`
      const history: JsonObject[] = [
        { role: 'user', content: '[stage:call look {"at": "the left"}] Where is it?' },
      ]
      const turn = async (more: JsonObject = {}): Promise<readonly JsonObject[]> => {
        const reply = await hall.ask('/v1/responses', {
          model: `gpt-${spare}`,
          input: history,
          tools: [{ type: 'function', strict: true, ...LOOK }],
          reasoning: { effort: 'low' },
          include: ['reasoning.encrypted_content'],
          store: false,
          stream,
          ...more,
        })
        assert.equal(reply.status, 200, `${what}: ${reply.text}`)
        const output = outputOf(reply, stream)
        for (const { type, id } of output) assert.match(String(id), PREFIXES[String(type)] ?? /^$/, what)
        history.push(...output)
        return output
      }
      const answer = (output: readonly JsonObject[]): Json => {
        const call = output.find(({ type }) => type === 'function_call')
        assert.ok(typeof call?.call_id === 'string', `${what}: ${JSON.stringify(output)}`)
        history.push({ type: 'function_call_output', call_id: call.call_id, output: 'On the left.' })
        return call.call_id
      }
      down(openai)
      // Thoughts and a forced call exclude each other at Anthropic.
      const first = answer(await turn(spare === 'claude' ? {} : { tool_choice: 'required' }))
      openai.clear()
      await turn()
      const [hit] = openai.requests
      assert.ok(isObject(hit?.json))
      const sent = objects(hit.json.input)
      assert.deepEqual(
        sent.flatMap(({ call_id: id }) => id ?? []),
        [first, first],
        what,
      )
      history.push({ role: 'user', content: '[stage:call look {"at": "the right"}] And now?' })
      const second = answer(await turn({ tool_choice: 'required' }))
      assert.notEqual(second, first, what)
      // In the middle of its tools the turn goes to somebody who did not begin it, and who has seen the first one.
      down(openai)
      await turn()
      openai.clear()
      history.push({ role: 'user', content: 'Thanks.' })
      await turn()
      nothingRefused(what)
    }
  })

for (const spare of SPARES.filter(one => one !== 'claude'))
  test(`M-037 a message that ${spare} stood in for is gone on with at Anthropic in the middle of its tools, although it has no thoughts of theirs`, async () => {
    for (const stream of [false, true]) {
      const what = `${spare}, stream ${stream}`
      const { parameters, ...look } = LOOK
      const history: JsonObject[] = [
        { role: 'user', content: '[stage:call look {"at": "the left"}] Where is it?' },
      ]
      const turn = async (more: JsonObject = {}): Promise<Reply> => {
        const reply = await hall.ask('/v1/messages', {
          model: `claude-${spare}`,
          max_tokens: 4000,
          messages: history,
          tools: [{ ...look, input_schema: parameters }],
          ...more,
        })
        assert.equal(reply.status, 200, `${what}: ${reply.text}`)
        return reply
      }
      down(anthropic)
      const begun = objects((await turn({ tool_choice: { type: 'any' } })).json().content)
      const call = begun.find(({ type }) => type === 'tool_use')
      assert.match(String(call?.id), /^[a-zA-Z0-9_-]{1,64}$/, what)
      history.push(
        { role: 'assistant', content: begun },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: 'On the left.' }],
        },
      )
      anthropic.clear()
      await turn({ thinking: { type: 'enabled', budget_tokens: 1024 }, stream })
      assert.equal(anthropic.requests.length, 1, what)
      nothingRefused(what)
    }
  })
