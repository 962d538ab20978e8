import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type OpenAI from 'openai'
import { CANONICAL } from '../src/stage/lines.ts'
import {
  assertPlayed,
  clear,
  ensemble,
  image,
  messages,
  pathsOf,
  second,
  sound,
} from './openai-client.fixture.ts'

/**
 * Every call that may cross to another group, made with the official client: once with a healthy primary, once with
 * one that answers 503. The client must not be able to tell, but for the name of the group that served.
 */
const house = await ensemble({ after })
beforeEach(() => clear(house))

type Act = {
  readonly name: string
  readonly group: string
  /** Makes one call and checks the answer; `served` is the group whose name the answer must bear. */
  readonly run: (client: OpenAI, group: string, served: string) => Promise<void>
}

const tool = {
  type: 'function' as const,
  function: {
    name: 'cue',
    parameters: { type: 'object', properties: { line: { type: 'string' } }, required: ['line'] },
  },
}

const CHAT: readonly Act[] = [
  {
    name: 'chat.completions.create',
    group: 'star',
    run: async (client, model, served) => {
      const answer = await client.chat.completions.create({ model, messages: messages('Hello'), seed: 7 })
      assert.equal(answer.choices[0]?.message.content, CANONICAL)
      assert.equal(answer.model, served)
      assert.equal(answer.usage?.completion_tokens, 6)
    },
  },
  {
    name: 'chat.completions.create, streamed',
    group: 'star',
    run: async (client, model, served) => {
      const stream = await client.chat.completions.create({
        model,
        messages: messages('Hello'),
        stream: true,
      })
      const chunks = await Array.fromAsync(stream)
      assert.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), CANONICAL)
      assert.deepEqual([...new Set(chunks.map(chunk => chunk.model))], [served])
      assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop')
    },
  },
  {
    name: 'chat.completions.create, streamed with usage',
    group: 'star',
    run: async (client, model) => {
      const stream = await client.chat.completions.create({
        model,
        messages: messages('Hello'),
        stream: true,
        stream_options: { include_usage: true },
      })
      const last = (await Array.fromAsync(stream)).at(-1)
      assert.deepEqual(last?.choices, [])
      assert.equal(last?.usage?.completion_tokens, 6)
    },
  },
  {
    name: 'chat.completions.stream, with its final completion',
    group: 'star',
    run: async (client, model) => {
      const stream = client.chat.completions.stream({ model, messages: messages('Hello') })
      const final = await stream.finalChatCompletion()
      assert.equal(final.choices[0]?.message.content, CANONICAL)
    },
  },
  {
    name: 'chat.completions with a tool call, whole and streamed',
    group: 'star',
    run: async (client, model) => {
      const asked = { model, messages: messages('[stage:tool]'), tools: [tool] }
      const whole = await client.chat.completions.create(asked)
      const final = await client.chat.completions.stream(asked).finalChatCompletion()
      for (const answer of [whole, final]) {
        const call = answer.choices[0]?.message.tool_calls?.[0]
        assert.deepEqual(call?.type === 'function' ? JSON.parse(call.function.arguments) : call, {
          line: CANONICAL,
        })
        assert.equal(answer.choices[0]?.finish_reason, 'tool_calls')
      }
    },
  },
  {
    name: 'completions.create, whole and streamed',
    group: 'pen',
    run: async (client, model, served) => {
      const whole = await client.completions.create({ model, prompt: 'Once' })
      assert.equal(whole.choices[0]?.text, CANONICAL)
      assert.equal(whole.model, served)
      const stream = await client.completions.create({ model, prompt: 'Once', stream: true })
      const chunks = await Array.fromAsync(stream)
      assert.equal(chunks.map(chunk => chunk.choices[0]?.text ?? '').join(''), CANONICAL)
    },
  },
]

const RESPONSES: readonly Act[] = [
  {
    name: 'responses.create',
    group: 'star',
    run: async (client, model, served) => {
      const answer = await client.responses.create({ model, input: 'Hello', metadata: { scene: '1' } })
      assert.equal(answer.output_text, CANONICAL)
      assert.equal(answer.model, served)
      assert.deepEqual(answer.metadata, { scene: '1' })
    },
  },
  {
    name: 'responses.create, streamed',
    group: 'star',
    run: async (client, model) => {
      const events = await Array.fromAsync(
        await client.responses.create({ model, input: 'Hello', stream: true }),
      )
      assert.equal(events[0]?.type, 'response.created')
      assert.equal(events.at(-1)?.type, 'response.completed')
      assert.deepEqual(
        events.map(event => event.sequence_number),
        events.map((_, index) => index),
      )
    },
  },
  {
    name: 'responses.stream, which checks every event against the ones before',
    group: 'star',
    run: async (client, model, served) => {
      for (const input of ['Hello', '[stage:reason] Hello', '[stage:refuse]']) {
        const final = await client.responses.stream({ model, input }).finalResponse()
        assert.equal(final.status, 'completed', input)
        assert.equal(final.model, served)
        if (input.endsWith('Hello')) assert.equal(final.output_text, CANONICAL)
      }
    },
  },
  {
    name: 'responses.compact',
    group: 'star',
    run: async (client, model) => {
      const answer = await client.responses.compact({ model, input: messages('a long talk') })
      assert.equal(answer.object, 'response.compaction')
      assert.deepEqual(
        answer.output.map(item => item.type),
        ['message', 'compaction'],
      )
    },
  },
  {
    name: 'responses.inputTokens.count',
    group: 'star',
    run: async (client, model) => {
      const answer = await client.responses.inputTokens.count({ model, input: 'a long talk' })
      assert.ok(answer.input_tokens > 0)
    },
  },
]

const VECTORS: readonly Act[] = [
  {
    name: 'embeddings.create, base64 as the client asks by itself, and float',
    group: 'vectors',
    run: async (client, model, served) => {
      const asked = { model, input: ['a', 'b'], dimensions: 8 }
      const decoded = await client.embeddings.create(asked)
      const floats = await client.embeddings.create({ ...asked, encoding_format: 'float' })
      assert.equal(decoded.model, served)
      assert.equal(floats.data[1]?.embedding.length, 8)
      assert.deepEqual(
        decoded.data.map(one => one.embedding.map(Math.fround)),
        floats.data.map(one => one.embedding.map(Math.fround)),
      )
    },
  },
  {
    name: 'moderations.create',
    group: 'judge',
    run: async (client, model) => {
      const answer = await client.moderations.create({ model, input: ['fine', '[stage:flag]'] })
      assert.deepEqual(
        answer.results.map(result => result.flagged),
        [false, true],
      )
    },
  },
]

const IMAGES: readonly Act[] = [
  {
    name: 'images.generate, whole and streamed',
    group: 'painter',
    run: async (client, model) => {
      const whole = await client.images.generate({ model, prompt: 'a stage' })
      assert.equal(
        Buffer.from(whole.data?.[0]?.b64_json ?? '', 'base64')
          .subarray(1, 4)
          .toString(),
        'PNG',
      )
      const stream = await client.images.generate({
        model,
        prompt: 'a stage',
        stream: true,
        partial_images: 1,
      })
      assert.deepEqual(
        (await Array.fromAsync(stream)).map(event => event.type),
        ['image_generation.partial_image', 'image_generation.completed'],
      )
    },
  },
  {
    name: 'images.edit, whole and streamed',
    group: 'painter',
    run: async (client, model) => {
      const asked = { model, prompt: 'a curtain', image: [await image(), await image()] }
      assert.equal((await client.images.edit(asked)).data?.length, 1)
      const events = await Array.fromAsync(await client.images.edit({ ...asked, stream: true }))
      assert.equal(events.at(-1)?.type, 'image_edit.completed')
    },
  },
  {
    name: 'images.createVariation',
    group: 'copyist',
    run: async (client, model) => {
      const answer = await client.images.createVariation({ model, image: await image(), n: 2 })
      assert.equal(answer.data?.length, 2)
    },
  },
]

const AUDIO: readonly Act[] = [
  {
    name: 'audio.speech.create, bytes and events',
    group: 'voice',
    run: async (client, model) => {
      const asked = { model, voice: 'alloy', input: 'To be' } as const
      const bytes = await (await client.audio.speech.create(asked)).arrayBuffer()
      assert.equal(bytes.byteLength, 8192)
      const events = await (await client.audio.speech.create({ ...asked, stream_format: 'sse' })).text()
      assert.match(events, /"speech\.audio\.done"/)
    },
  },
  {
    name: 'audio.transcriptions.create, json and streamed',
    group: 'ear',
    run: async (client, model) => {
      const whole = await client.audio.transcriptions.create({ model, file: await sound() })
      assert.equal(whole.text, CANONICAL)
      const stream = await client.audio.transcriptions.create({ model, file: await sound(), stream: true })
      const events = await Array.fromAsync(stream)
      assert.equal(events.at(-1)?.type, 'transcript.text.done')
    },
  },
  {
    name: 'audio.transcriptions.create, text and verbose_json',
    group: 'scribe',
    run: async (client, model) => {
      const file = await sound()
      const text = await client.audio.transcriptions.create({ model, file, response_format: 'text' })
      assert.equal(text, `${CANONICAL}\n`)
      const verbose = await client.audio.transcriptions.create({
        model,
        file,
        response_format: 'verbose_json',
        timestamp_granularities: ['segment'],
      })
      assert.equal(verbose.segments?.length, 1)
    },
  },
  {
    name: 'audio.translations.create',
    group: 'scribe',
    run: async (client, model) => {
      const answer = await client.audio.translations.create({ model, file: await sound() })
      assert.equal(answer.text, CANONICAL)
    },
  },
]

for (const act of [...CHAT, ...RESPONSES, ...VECTORS, ...IMAGES, ...AUDIO]) {
  test(`${act.name}: answered by the primary`, async () => {
    await act.run(house.client, act.group, act.group)
    assertPlayed(house, house.stages.lead.requests.length, 0)
    assert.ok(house.stages.lead.requests.length > 0)
  })
  test(`${act.name}: answered by the backup when the primary fails`, async () => {
    house.stages.lead.script(Array(8).fill({ kind: 'status', status: 503 }))
    await act.run(house.client, act.group, second(act.group))
    const calls = house.stages.lead.requests.length
    assert.ok(calls > 0)
    assertPlayed(house, calls, calls)
    assert.deepEqual(
      house.stages.backup.requests.map(hit => hit.fault.kind),
      Array(calls).fill('ok'),
    )
    assert.deepEqual(
      pathsOf(house.stages.backup),
      pathsOf(house.stages.lead).map(path => path.replace(' /v1', ' /openai/v1')),
    )
  })
}
