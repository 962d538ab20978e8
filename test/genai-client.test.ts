import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, ThinkingLevel } from '@google/genai'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'

/** The official client, unmodified: only its address is the gateway's. */

const gemini = { flavour: 'gemini', models: ['*'] } as const
const LINE = 'The understudy knows every line.'
const look = {
  name: 'look',
  description: 'Looks somewhere.',
  parametersJsonSchema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
}

const tools = [{ functionDeclarations: [look] }]
/** The simulated models would call again and again where a stage direction asked for a call. */
const SPEAK = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.NONE } } }

/** Who serves `flash`: Gemini itself, or, while that is down, somebody who speaks another dialect. */
const cast = async (t: TestContext) => {
  const door = await play(t, {
    stages: { lead: gemini, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('flash', lead, 'gemini-3-flash'),
        deployment('gpt', backup, 'gpt-4.1'),
        deployment('group/with/slashes', lead, 'gemini-2.5-flash'),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ flash: ['gpt'] }], disable_cooldowns: true },
    }),
  })
  const client = new GoogleGenAI({ apiKey: MASTER_KEY, httpOptions: { baseUrl: door.url } })
  const down = (): void =>
    door.stages.lead.script(Array.from({ length: 20 }, () => ({ kind: 'status', status: 503 }) as const))
  const unrefused = (): void => {
    for (const stage of [door.stages.lead, door.stages.backup])
      for (const hit of stage.requests) assert.equal(hit.refusal?.message, undefined, hit.text)
  }
  return { door, client, down, unrefused }
}

const served = ['Gemini', 'an OpenAI-compatible backup'] as const

for (const by of served) {
  const start = async (t: TestContext) => {
    const made = await cast(t)
    if (by !== 'Gemini') made.down()
    return made
  }

  test(`${by}: words, with and without a stream`, async t => {
    const { client, unrefused } = await start(t)
    const config = { systemInstruction: 'Be brief.', temperature: 0.5, maxOutputTokens: 64 }
    const whole = await client.models.generateContent({ model: 'flash', contents: 'Your line?', config })
    assert.equal(whole.text, LINE)
    assert.equal(whole.candidates?.[0]?.finishReason, 'STOP')
    assert.ok((whole.usageMetadata?.totalTokenCount ?? 0) > 0)
    const stream = await client.models.generateContentStream({
      model: 'flash',
      contents: 'Your line?',
      config,
    })
    let text = ''
    let last: string | undefined
    for await (const chunk of stream) {
      text += chunk.text ?? ''
      last = chunk.candidates?.[0]?.finishReason
      if (last !== undefined) assert.ok((chunk.usageMetadata?.promptTokenCount ?? 0) > 0)
    }
    assert.deepEqual([text, last], [LINE, 'STOP'])
    unrefused()
  })

  test(`${by}: a chat with a function, turn by turn`, async t => {
    const { door, client, unrefused } = await start(t)
    for (const streamed of [false, true]) {
      const chat = client.chats.create({
        model: 'flash',
        config: {
          tools,
          thinkingConfig: { thinkingLevel: ThinkingLevel.LOW },
        },
      })
      type Sent = Parameters<typeof chat.sendMessage>[0]
      const send = async (message: Sent['message'], config?: Sent['config']) => {
        const sent = { message, ...(config === undefined ? {} : { config }) }
        if (!streamed) return [await chat.sendMessage(sent)]
        const chunks = []
        for await (const chunk of await chat.sendMessageStream(sent)) chunks.push(chunk)
        return chunks
      }
      const asked = await send('Where are you? [stage:tool]')
      const [call] = asked.flatMap(answer => answer.functionCalls ?? [])
      assert.equal(call?.name, 'look')
      assert.equal(typeof call?.args?.at, 'string')
      const told = await send(
        {
          functionResponse: {
            name: 'look',
            response: { output: 'a tree' },
            ...(call?.id ? { id: call.id } : {}),
          },
        },
        SPEAK,
      )
      assert.equal(told.map(answer => answer.text ?? '').join(''), LINE)
      const thanked = await send('Thank you.')
      assert.equal(thanked.map(answer => answer.text ?? '').join(''), LINE)
      const history = chat.getHistory(true)
      assert.ok(history.length >= 6, 'the client keeps every turn')
    }
    unrefused()
    const asked = by === 'Gemini' ? door.stages.lead : door.stages.backup
    assert.equal(asked.requests.length, 6)
  })

  test(`${by}: a forced function, and an answer by a schema`, async t => {
    const { client, unrefused } = await start(t)
    const { functionCalls } = await client.models.generateContent({
      model: 'flash',
      contents: 'Look.',
      config: {
        tools,
        toolConfig: {
          functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['look'] },
        },
      },
    })
    assert.deepEqual(
      functionCalls?.map(call => call.name),
      ['look'],
    )
    const { text } = await client.models.generateContent({
      model: 'flash',
      contents: 'Say it.',
      config: {
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object', properties: { line: { type: 'string' } }, required: ['line'] },
      },
    })
    assert.deepEqual(JSON.parse(text ?? ''), { line: LINE })
    unrefused()
  })

  test(`${by}: tokens are counted`, async t => {
    const { client } = await start(t)
    const { totalTokens } = await client.models.countTokens({
      model: 'flash',
      contents: 'What is your line?',
    })
    assert.ok(totalTokens !== undefined && totalTokens >= 4 && totalTokens <= 12, String(totalTokens))
  })
}

test('the primary fails between the turns of a chat with functions, and comes back', async t => {
  const { door, client, down, unrefused } = await cast(t)
  const chat = client.chats.create({ model: 'flash', config: { tools } })
  const answerTo = async (text: string) => {
    const { functionCalls } = await chat.sendMessage({ message: `${text} [stage:tool]` })
    const [call] = functionCalls ?? []
    assert.equal(call?.name, 'look')
    const told = await chat.sendMessage({
      message: { functionResponse: { name: 'look', response: { output: 'a tree' } } },
      config: SPEAK,
    })
    assert.equal(told.text, LINE)
  }
  await answerTo('One.')
  down()
  await answerTo('Two.')
  door.stages.lead.clear()
  await answerTo('Three.')
  assert.equal(
    door.stages.lead.requests.length,
    2,
    'it is asked again with the turns of the other in its history',
  )
  down()
  await answerTo('Four.')
  unrefused()
})

test('a call that another provider made is answered by the primary that is back', async t => {
  const { door, client, down, unrefused } = await cast(t)
  const chat = client.chats.create({ model: 'flash', config: { tools } })
  down()
  const { functionCalls } = await chat.sendMessage({ message: 'Where? [stage:tool]' })
  assert.equal(functionCalls?.[0]?.name, 'look')
  door.stages.lead.clear()
  const told = await chat.sendMessage({
    message: { functionResponse: { name: 'look', response: { output: 'a tree' } } },
    config: SPEAK,
  })
  assert.equal(told.text, LINE)
  const [hit] = door.stages.lead.requests
  assert.match(hit?.text ?? '', /"thoughtSignature":"skip_thought_signature_validator"/)
  unrefused()
})

test('a group with slashes in its name is a model like any other', async t => {
  const { client } = await cast(t)
  const { text } = await client.models.generateContent({
    model: 'group/with/slashes',
    contents: 'Your line?',
  })
  assert.equal(text, LINE)
})

test('errors have their status and Google’s name for it', async t => {
  const { door, client } = await cast(t)
  const refused = async (status: number, name: string, run: () => Promise<unknown>) =>
    assert.rejects(run, (error: unknown) => {
      assert.ok(error instanceof ApiError)
      assert.equal(error.status, status)
      const body = JSON.parse(error.message) as { error: JsonObject }
      assert.equal(body.error.status, name)
      assert.equal(body.error.code, status)
      return true
    })
  const ask = (model: string) => client.models.generateContent({ model, contents: 'Your line?' })
  await refused(400, 'INVALID_ARGUMENT', () => ask('nobody'))
  const stranger = new GoogleGenAI({ apiKey: 'sk-wrong', httpOptions: { baseUrl: door.url } })
  await refused(401, 'UNAUTHENTICATED', () =>
    stranger.models.generateContent({ model: 'flash', contents: 'Your line?' }),
  )
  door.stages.lead.script([{ kind: 'status', status: 503 }])
  door.stages.backup.script([{ kind: 'status', status: 500 }])
  await refused(503, 'UNAVAILABLE', () => ask('flash'))
})

test('a stream that breaks is gone on with, or raises in the middle, and never looks whole', async t => {
  const { door, client } = await cast(t)
  const cut = { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 } as const
  door.stages.lead.script([cut, cut])
  const whole = await client.models.generateContentStream({ model: 'flash', contents: 'Your line?' })
  let heard = ''
  for await (const chunk of whole) heard += chunk.text ?? ''
  assert.deepEqual([heard, door.stages.backup.requests.length], [LINE, 1])
  const alone = { model: 'group/with/slashes', contents: 'Your line?' }
  const stream = await client.models.generateContentStream(alone)
  let text = ''
  await assert.rejects(
    async () => {
      for await (const chunk of stream) text += chunk.text ?? ''
    },
    (error: unknown) => error instanceof ApiError && error.status === 500,
  )
  assert.equal(text, 'The understudy')
})
