import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { type Stage, startStage } from './stage.ts'

/** What the simulated API refuses, and in which words. */

let stage: Stage
before(async () => {
  stage = await startStage({ flavour: 'gemini', name: 'g', models: ['gemini-2.5-flash', 'gemini-3-flash'] })
})
after(() => stage.close())

const post = async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const response = await fetch(`${stage.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': stage.key, ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as JsonObject }
}

const path = (model = 'gemini-2.5-flash', verb = 'generateContent') => `/v1beta/models/${model}:${verb}`
const user = (...parts: object[]) => ({ role: 'user', parts })
const model = (...parts: object[]) => ({ role: 'model', parts })
const text = { text: 'hi' }
const call = (more: object = {}) => ({ functionCall: { name: 'f', args: {} }, ...more })
const answer = (name = 'f') => ({ functionResponse: { name, response: {} } })
const signed = { thoughtSignature: 'c2ln' }
const tools = [{ functionDeclarations: [{ name: 'f' }] }]

describe('a request that breaks a rule', () => {
  const rows: readonly (readonly [name: string, body: object, says: RegExp, model?: string])[] = [
    ['an unknown member', { contents: [user(text)], x: 1 }, /Unknown name "x": Cannot find field/],
    [
      'an unknown member within',
      { contents: [{ ...user(text), x: 1 }] },
      /Unknown name "x" at 'contents\[0\]': Cannot find field/,
    ],
    [
      'JSON schema where the own schema is',
      {
        contents: [user(text)],
        tools: [{ functionDeclarations: [{ name: 'f', parameters: { additionalProperties: false } }] }],
      },
      /Unknown name "additionalProperties" at 'tools\[0\].function_declarations\[0\].parameters'/,
    ],
    ['a wrong type', { contents: [user({ text: 1 })] }, /Invalid value at 'contents\[0\].parts\[0\].text'/],
    ['no contents', { contents: [] }, /contents is not specified/],
    ['a role of others', { contents: [{ role: 'assistant', parts: [text] }] }, /valid role/],
    ['no part', { contents: [user()] }, /parts must not be empty/],
    ['a part with nothing in it', { contents: [user({ thought: true })] }, /required oneof field 'data'/],
    ['a call first', { contents: [model(call())] }, /function call turn comes immediately after/],
    [
      'a call without an answer',
      { contents: [user(text), model(call()), user(text)] },
      /number of function response/,
    ],
    [
      'fewer answers than calls',
      { contents: [user(text), model(call(), call()), user(answer())] },
      /number of function response/,
    ],
    [
      'an answer without a call',
      { contents: [user(text), model(text), user(answer())] },
      /function response turn/,
    ],
    [
      'an answer without a name',
      { contents: [user(text), model(call()), user(answer(''))] },
      /Name cannot be empty/,
    ],
    [
      'a call without a signature',
      { contents: [user(text), model(call()), user(answer())] },
      /missing a thought_signature/,
      'gemini-3-flash',
    ],
    [
      'names that AUTO takes none of',
      {
        contents: [user(text)],
        tools,
        toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['f'] } },
      },
      /ANY or VALIDATED/,
    ],
    [
      'functions and JSON at once',
      { contents: [user(text)], tools, generationConfig: { responseMimeType: 'application/json' } },
      /is unsupported/,
    ],
    [
      'six stop sequences',
      { contents: [user(text)], generationConfig: { stopSequences: ['1', '2', '3', '4', '5', '6'] } },
      /at most 5/,
    ],
    [
      'a level where there are budgets',
      { contents: [user(text)], generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } },
      /not supported/,
    ],
  ]
  for (const [name, body, says, of] of rows)
    test(name, async () => {
      const { status, json } = await post(path(of), body)
      const error = json.error as JsonObject
      assert.deepEqual([status, error.code, error.status], [400, 400, 'INVALID_ARGUMENT'])
      assert.match(String(error.message), says)
    })
})

test('what keeps the rules is answered, in both spellings and as clients keep a stream', async () => {
  const bodies = [
    { contents: [user(text)], system_instruction: { parts: [text] }, generation_config: { top_p: 0.5 } },
    { contents: [user(text), model(call(signed)), model(text), user(answer()), model(text), user(text)] },
    { contents: [user(text), model(call(signed), call()), user(answer(), answer())], tools },
  ]
  for (const body of bodies)
    for (const name of ['gemini-2.5-flash', 'gemini-3-flash']) {
      const { status, json } = await post(path(name), body)
      assert.equal(status, 200, JSON.stringify(json))
    }
})

test('keys, models and paths', async () => {
  const body = { contents: [user(text)] }
  const status = async (where: string, headers: Readonly<Record<string, string>> = {}) =>
    (await post(where, body, headers)).status
  assert.equal(await status(path(), { 'x-goog-api-key': 'wrong' }), 400)
  assert.equal(await status(path(), { authorization: 'Bearer wrong' }), 400)
  assert.equal(await status(path('gemini-9')), 404)
  assert.equal(await status(path('gemini-2.5-flash', 'embed')), 404)
  assert.equal(await status(`${path()}?x=1`), 400)
  const project = '/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent'
  assert.equal(await status(project), 404, 'that is Vertex AI')
  assert.equal(await status(path(), { 'x-litellm-key': '1' }), 400)
})
