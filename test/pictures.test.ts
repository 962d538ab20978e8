import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, test } from 'node:test'
import OpenAI from 'openai'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import type { DoorName } from './crossing.fixture.ts'
import { candidate, GEMINI, house, images, NAMES, PNG, sse, studio, WORDS } from './pictures.fixture.ts'
import type { Reply } from './support/harness.ts'

/**
 * Models that draw, behind every door. A picture goes where the client's dialect has a place for it; where it has none
 * the answer says so in words and the log names the loss: it was paid for, and it is no failure.
 */

beforeEach(() => {
  studio.words = true
})

const PROMPT = 'Draw a dot.'
const ask = (door: DoorName, group: string, stream: boolean, more: JsonObject = {}): Promise<Reply> => {
  const streamed = stream ? { stream } : {}
  switch (door) {
    case 'chat':
      return house.ask('/v1/chat/completions', {
        model: group,
        messages: [{ role: 'user', content: PROMPT }],
        ...streamed,
        ...more,
      })
    case 'responses':
      return house.ask('/v1/responses', { model: group, input: PROMPT, ...streamed, ...more })
    case 'messages':
      return house.ask('/v1/messages', {
        model: group,
        max_tokens: 99,
        messages: [{ role: 'user', content: PROMPT }],
        ...streamed,
        ...more,
      })
    case 'gemini':
      return house.ask(
        `/v1beta/models/${group}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
        { contents: [{ role: 'user', parts: [{ text: PROMPT }] }], ...more },
      )
  }
}

type Seen = { text: string; readonly pictures: string[]; ended: boolean }

const list = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []
const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

const seeMessage = (said: JsonObject, seen: Seen): void => {
  seen.text += String(said.content ?? '')
  for (const image of list(said.images)) seen.pictures.push(String(object(image.image_url).url))
}

const seeItem = (item: JsonObject, seen: Seen): void => {
  for (const part of list(item.content)) seen.text += String(part.text)
  if (item.type === 'image_generation_call') seen.pictures.push(`data:image/png;base64,${item.result}`)
}

const seeParts = (answer: JsonObject, seen: Seen): void => {
  for (const { content, finishReason } of list(answer.candidates)) {
    seen.ended ||= finishReason === 'STOP'
    for (const part of list(object(content).parts)) {
      if (part.thought === true) continue
      seen.text += String(part.text ?? '')
      const blob = object(part.inlineData)
      if (blob.data !== undefined) seen.pictures.push(`data:${blob.mimeType};base64,${blob.data}`)
    }
  }
}

type Event = (event: JsonObject, seen: Seen) => void

const WHOLE: Readonly<Record<DoorName, Event>> = {
  chat: (answer, seen) => {
    const [choice = {}] = list(answer.choices)
    seen.ended = choice.finish_reason === 'stop'
    seeMessage(object(choice.message), seen)
  },
  responses: (answer, seen) => {
    seen.ended = answer.status === 'completed'
    for (const item of list(answer.output)) seeItem(item, seen)
  },
  messages: (answer, seen) => {
    seen.ended = answer.stop_reason === 'end_turn'
    for (const block of list(answer.content)) seen.text += String(block.text)
  },
  gemini: seeParts,
}

const EVENTS: Readonly<Record<DoorName, Event>> = {
  chat: (event, seen) => {
    for (const choice of list(event.choices)) {
      seen.ended ||= choice.finish_reason === 'stop'
      seeMessage(object(choice.delta), seen)
    }
  },
  responses: (event, seen) => {
    if (event.type === 'response.output_item.done') seeItem(object(event.item), seen)
    seen.ended ||= event.type === 'response.completed'
  },
  messages: (event, seen) => {
    seen.text += String(object(event.delta).text ?? '')
    seen.ended ||= event.type === 'message_stop'
  },
  gemini: seeParts,
}

const see = (door: DoorName, stream: boolean, reply: Reply): Seen => {
  assert.equal(reply.status, 200, reply.text)
  assert.doesNotMatch(reply.text, /"error":\{/, reply.text)
  const seen: Seen = { text: '', pictures: [], ended: false }
  if (!stream) WHOLE[door](reply.json(), seen)
  else
    for (const [, data = ''] of reply.text.matchAll(/^data: (\{.*)$/gm)) EVENTS[door](JSON.parse(data), seen)
  assert.ok(seen.ended, reply.text)
  return seen
}

const URL = `data:image/png;base64,${PNG}`
const TOLD = /^\[image\/png, [^\]]+\]$/

for (const artist of NAMES)
  describe(`a picture of the ${artist} dialect`, () => {
    for (const stream of [false, true]) {
      const how = stream ? 'streamed' : 'whole'
      for (const door of ['chat', 'responses', 'gemini'] as const)
        test(`${how}, behind the ${door} door`, async () => {
          for (const words of [true, false]) {
            studio.words = words
            const seen = see(door, stream, await ask(door, artist, stream))
            assert.deepEqual([seen.text, seen.pictures], [words ? WORDS : '', [URL]])
          }
        })

      test(`${how}, behind the messages door: in words`, async () => {
        for (const words of [true, false]) {
          studio.words = words
          const seen = see('messages', stream, await ask('messages', artist, stream))
          assert.ok(!seen.text.includes(PNG))
          assert.match(words ? seen.text.slice(WORDS.length) : seen.text, TOLD)
        }
      })
    }
  })

test('a picture for a client of text completions is told in words, whole and streamed', async () => {
  for (const stream of [false, true])
    for (const words of [true, false]) {
      studio.words = words
      const reply = await house.ask('/v1/completions', { model: 'gemini', prompt: PROMPT, stream })
      assert.equal(reply.status, 200, reply.text)
      const texts = stream
        ? [...reply.text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data) as JsonObject)
        : [reply.json()]
      const text = texts.flatMap(({ choices }) => list(choices).map(choice => String(choice.text))).join('')
      assert.ok(!text.includes(PNG))
      assert.match(words ? text.slice(WORDS.length) : text, TOLD)
    }
})

const client = new OpenAI({ apiKey: house.key, baseURL: `${house.url}/v1`, maxRetries: 0 })

test('OpenAI’s own client reads the stream of a picture', async () => {
  const events: string[] = []
  const stream = client.responses.stream({ model: 'gemini', input: PROMPT })
  stream.on('event', event => void events.push(event.type))
  const { output } = await stream.finalResponse()
  assert.deepEqual(
    output.map(item => item.type),
    ['message', 'image_generation_call'],
  )
  const [, item] = output
  assert.ok(item?.type === 'image_generation_call')
  assert.deepEqual([item.result, item.status], [PNG, 'completed'])
  assert.ok(events.includes('response.image_generation_call.completed'))
})

test('a picture that comes first opens the stream, however large it is', async () => {
  const png = studio.png
  studio.words = false
  studio.png = Buffer.alloc(9 * 1024 * 1024, 1).toString('base64')
  try {
    const seen = see('chat', true, await ask('chat', 'gemini', true))
    assert.equal(seen.pictures[0]?.length, studio.png.length + 'data:image/png;base64,'.length)
  } finally {
    studio.png = png
  }
})

const DRAW_AGAIN = 'Now make it red.'
const inline = { inlineData: { mimeType: 'image/png', data: PNG } }

/** The conversation goes on, as clients of the dialect send it back. */
const AGAIN: Readonly<Record<'chat' | 'responses', JsonObject>> = {
  chat: {
    messages: [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: WORDS, images },
      { role: 'user', content: DRAW_AGAIN },
    ],
  },
  responses: {
    input: [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: WORDS },
      { type: 'image_generation_call', id: 'ig_1', status: 'completed', output_format: 'png', result: PNG },
      { role: 'user', content: DRAW_AGAIN },
    ],
  },
}

for (const door of ['chat', 'responses'] as const)
  test(`a picture of the last turn is shown to the model that drew it, behind the ${door} door`, async () => {
    see(door, false, await ask(door, 'gemini', false, AGAIN[door]))
    const turn = list(studio.asked.contents).find(({ role }) => role === 'model')
    assert.deepEqual(
      list(turn?.parts).find(({ inlineData }) => inlineData !== undefined),
      inline,
    )
  })

test('elsewhere such a turn goes on in words', async () => {
  for (const [door, group] of [
    ['chat', 'responses'],
    ['responses', 'chat'],
    ['gemini', 'responses'],
    ['gemini', 'chat'],
  ] as const) {
    const body = door === 'gemini' ? { contents: GEMINI_AGAIN } : AGAIN[door]
    see(door, false, await ask(door, group, false, body))
    const sent = JSON.stringify(studio.asked)
    assert.ok(sent.includes(WORDS) && sent.includes(DRAW_AGAIN) && !sent.includes(PNG), sent)
  }
})
const GEMINI_AGAIN: Json = [
  { role: 'user', parts: [{ text: PROMPT }] },
  { role: 'model', parts: [{ text: WORDS }, inline] },
  { role: 'user', parts: [{ text: DRAW_AGAIN }] },
]

test('modalities of a chat client are the model’s', async () => {
  see('chat', false, await ask('chat', 'gemini', false, { modalities: ['image', 'text'] }))
  assert.deepEqual(studio.asked.generationConfig, { responseModalities: ['IMAGE', 'TEXT'] })
})

test('sound is chat’s audio, and is told in words elsewhere, once', async () => {
  const { whole, stream } = GEMINI
  const pcm = [1, 2, 3].map(n => ({
    inlineData: { mimeType: 'audio/L16;codec=pcm;rate=24000', data: Buffer.from([n, 0]).toString('base64') },
  }))
  studio.gemini = {
    whole: () => candidate([pcm[0] ?? {}], 'STOP'),
    stream: () => sse([...pcm.map(part => candidate([part])), candidate([], 'STOP')]),
  }
  try {
    const heard = (await ask('chat', 'gemini', false)).json()
    const [choice = {}] = list(heard.choices)
    assert.equal(object(object(choice.message).audio).data, 'AQA=')
    const chunks = (await ask('chat', 'gemini', true)).text.matchAll(/"audio":\{[^}]*"data":"([^"]*)"/g)
    assert.deepEqual(
      [...chunks].map(([, data]) => data),
      ['AQA=', 'AgA=', 'AwA='],
    )
    for (const door of ['messages', 'responses'] as const)
      for (const streamed of [false, true]) {
        const seen = see(door, streamed, await ask(door, 'gemini', streamed))
        assert.match(seen.text, /^\[audio\/L16[^\]]+no place for sound\]$/)
      }
  } finally {
    studio.gemini = { whole, stream }
  }
})

test('the log names the picture that had no place, whole and streamed', async () => {
  for (const stream of [false, true]) {
    const reply = await ask('messages', 'gemini', stream)
    see('messages', stream, reply)
  }
  await house.close()
  const log = await readFile(join(house.dataDir, 'log', 'requests.jsonl'), 'utf8')
  const lines = log.trim().split('\n').slice(-2)
  for (const line of lines) {
    const [step] = list((JSON.parse(line) as JsonObject).steps)
    assert.ok(Array.isArray(step?.lost) && step.lost.length === 1, line)
    assert.match(String(step.lost[0]), /^content\[\]\.image: /)
  }
})
