import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import {
  embedMany,
  generateImage,
  generateObject,
  generateText,
  type LanguageModel,
  type ModelMessage,
  Output,
  stepCountIs,
  streamObject,
} from 'ai'
import { z } from 'zod'
import {
  type ClientName,
  ensemble,
  GROUPS,
  type Group,
  looked,
  once,
  TASK,
  told,
  tools,
} from './ai-sdk.fixture.ts'
import { deployment } from './support/harness.ts'

/** Vercel's AI SDK, unmodified: only the address of its providers is the gateway's. */
const house = await ensemble(
  { after },
  {
    more: ({ openai }) => [
      deployment('vectors', openai, 'text-embedding-3-small'),
      deployment('painter', openai, 'gpt-image-1'),
    ],
  },
)
const { models, openai, compatible } = house.clients
beforeEach(house.clear)

const schema = z.object({ line: z.string() })
const names = Object.keys(models) as ClientName[]
const groups = Object.keys(GROUPS) as Group[]

/** Made of the schema; what is said in it is the provider's business. */
const isLine = (object: unknown): void => assert.equal(typeof schema.parse(object).line, 'string')

type Act = {
  readonly name: string
  /** Requests at the provider. */
  readonly calls: number
  readonly run: (model: LanguageModel, group: Group) => Promise<void>
}

const ACTS: readonly Act[] = [
  {
    name: 'generateText',
    calls: 1,
    run: async (model, group) => {
      const answer = await generateText({
        model,
        instructions: 'Be brief.',
        prompt: '[stage:say good evening]',
        maxOutputTokens: 64,
        ...once,
      })
      assert.deepEqual([answer.text, answer.finishReason], ['good evening', 'stop'])
      assert.equal(answer.response.modelId, group)
      assert.ok(Number(answer.usage.inputTokens) > 0 && Number(answer.usage.outputTokens) > 0)
    },
  },
  {
    name: 'streamText, every event of it',
    calls: 1,
    run: async model => {
      const { text, finish, raw, errors } = await told(model, '[stage:say good evening]')
      assert.deepEqual(errors, [])
      assert.deepEqual([text, finish], ['good evening', 'stop'])
      assert.ok(raw.length > 1)
    },
  },
  {
    name: 'generateText with tools, step by step',
    calls: 3,
    run: async model => {
      const answer = await generateText({ model, prompt: TASK, tools, stopWhen: stepCountIs(5), ...once })
      assert.deepEqual(
        answer.steps.flatMap(({ toolCalls }) => toolCalls.map(({ input }) => input)),
        looked,
      )
      assert.equal(answer.text, 'trees everywhere')
    },
  },
  {
    name: 'streamText with tools, step by step',
    calls: 3,
    run: async model => {
      const { text, calls, steps, errors } = await told(model, TASK, true)
      assert.deepEqual(errors, [])
      assert.deepEqual([calls, steps, text], [looked, 3, 'trees everywhere'])
    },
  },
  {
    name: 'generateObject and streamObject',
    calls: 2,
    run: async model => {
      isLine((await generateObject({ model, schema, prompt: 'Say it.', ...once })).object)
      const answer = streamObject({ model, schema, prompt: 'Say it.', ...once })
      const partial = await Array.fromAsync(answer.partialObjectStream)
      isLine(await answer.object)
      assert.ok(partial.length > 0)
    },
  },
  {
    name: 'Output.object',
    calls: 1,
    run: async model => {
      const output = Output.object({ schema })
      isLine((await generateText({ model, prompt: 'Say it.', output, ...once })).output)
    },
  },
  {
    name: 'a talk of three turns, the history as the SDK keeps it',
    calls: 5,
    run: async model => {
      const messages: ModelMessage[] = []
      for (const [content, says] of [
        [`[stage:reason] ${TASK}`, 'trees everywhere'],
        ['And now? [stage:say the second act]', 'the second act'],
        ['And then? [stage:say the third act]', 'the third act'],
      ] as const) {
        messages.push({ role: 'user', content })
        const { text, response } = await generateText({
          model,
          messages,
          tools,
          stopWhen: stepCountIs(5),
          ...once,
        })
        assert.equal(text, says)
        messages.push(...response.messages)
      }
    },
  },
]

for (const name of names)
  describe(`${name}`, () => {
    for (const group of groups)
      for (const { name: act, calls, run } of ACTS)
        test(`${group}: ${act}`, async () => {
          await run(models[name](group), group)
          assert.deepEqual(house.asked(), { [GROUPS[group]]: calls })
        })
  })

test('embedMany, in one call and in several', async () => {
  const values = ['to be', 'or not', 'to be']
  for (const model of [openai.embedding('vectors'), compatible.embeddingModel('vectors')]) {
    const { embeddings, usage } = await embedMany({ model, values, ...once })
    assert.equal(embeddings.length, 3)
    assert.deepEqual(embeddings[0], embeddings[2])
    assert.notDeepEqual(embeddings[0], embeddings[1])
    assert.ok(usage.tokens > 0)
  }
  assert.deepEqual(house.asked(), { openai: 2 })
})

test('generateImage', async () => {
  const { image } = await generateImage({ model: openai.image('painter'), prompt: 'a stage', ...once })
  assert.equal(image.mediaType, 'image/png')
  assert.deepEqual(house.asked(), { openai: 1 })
})
