import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { crossing, DOORS, type DoorName } from './crossing.fixture.ts'

/** Names of tools that one dialect takes and another refuses, on their way to every provider and back. */

const house = await crossing({ after })

/** Anthropic takes 128 characters, Google dots and colons too; OpenAI and Bedrock take 64 letters, digits, `_` and `-`. */
const LONG = 'mcp__plugin_design_suite_component_library__generate_screen_from_wireframe'
const DOTTED = 'files.read:v1-beta'

const parameters: JsonObject = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] }
const PROMPT = '[stage:tool] Where?'

/** A turn of tools as each client writes it: asked, called under this name, answered, and asked again. */
const BODIES: Readonly<Record<DoorName, (name: string) => JsonObject>> = {
  chat: name => ({
    messages: [
      { role: 'user', content: 'Look.' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: '{"at":"right"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Nothing.' },
      { role: 'assistant', content: 'Hm.' },
      { role: 'user', content: PROMPT },
    ],
    tools: [{ type: 'function', function: { name, parameters } }],
    tool_choice: { type: 'function', function: { name } },
  }),
  responses: name => ({
    input: [
      { role: 'user', content: 'Look.' },
      { type: 'function_call', call_id: 'call_1', name, arguments: '{"at":"right"}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'Nothing.' },
      { role: 'assistant', content: 'Hm.' },
      { role: 'user', content: PROMPT },
    ],
    tools: [{ type: 'function', name, parameters, strict: false }],
    tool_choice: { type: 'function', name },
  }),
  messages: name => ({
    max_tokens: 64,
    messages: [
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name, input: { at: 'right' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'Nothing.' }] },
      { role: 'assistant', content: 'Hm.' },
      { role: 'user', content: PROMPT },
    ],
    tools: [{ name, input_schema: parameters }],
    tool_choice: { type: 'tool', name },
  }),
  gemini: name => ({
    contents: [
      { role: 'user', parts: [{ text: 'Look.' }] },
      { role: 'model', parts: [{ functionCall: { name, args: { at: 'right' } } }] },
      { role: 'user', parts: [{ functionResponse: { name, response: { output: 'Nothing.' } } }] },
      { role: 'model', parts: [{ text: 'Hm.' }] },
      { role: 'user', parts: [{ text: PROMPT }] },
    ],
    tools: [{ functionDeclarations: [{ name, parametersJsonSchema: parameters }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [name] } },
  }),
}

/** Where the client's own dialect is the provider's, its bytes are its own affair. */
const OWN: Readonly<Record<DoorName, readonly string[]>> = {
  chat: ['openai', 'azure', 'mistral'],
  responses: ['openai', 'azure', 'responses'],
  messages: ['anthropic'],
  gemini: ['gemini'],
}

for (const door of DOORS)
  for (const [what, name] of Object.entries({ long: LONG, dotted: DOTTED }))
    test(`a ${what} name of a tool reaches every provider by ${door}, and comes back as it was`, async () => {
      for (const group of house.groups.filter(one => !OWN[door].includes(one)))
        for (const stream of [false, true]) {
          const reply = await house.through(door, group, BODIES[door](name), stream)
          assert.equal(reply.status, 200, `${group}: ${reply.text}`)
          assert.ok(reply.text.includes(`"name":"${name}"`), `${group}: ${reply.text}`)
        }
    })
