import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { crossing, type DoorName } from './crossing.fixture.ts'
import { bodies, dropped, refusing } from './repairs.fixture.ts'

/** Conversations that one provider takes, and that have to go on at every other. */

const house = await crossing({ after })

const everywhere = (name: string, door: DoorName, body: JsonObject): void =>
  void describe(name, () => {
    for (const group of house.groups)
      test(`at ${group}`, async () => {
        const reply = await house.through(door, group, body)
        assert.equal(reply.status, 200, reply.text)
      })
  })

const user = (content: string): JsonObject => ({ role: 'user', content })

/** As OpenAI writes it into an answer, and its client's users put it back. */
const REFUSED: JsonObject = { role: 'assistant', content: null, refusal: 'I will not.', annotations: [] }

everywhere('a refusal in a chat history', 'chat', { messages: [user('Do it.'), REFUSED, user('Why?')] })

everywhere('a refusal in a history of Responses', 'responses', {
  input: [
    user('Do it.'),
    { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'I will not.' }] },
    user('Why?'),
  ],
})

test('what a refusal says is said to a provider that has no member for it', async () => {
  const said = { role: 'assistant', content: 'Well.', refusal: 'I will not.' }
  await house.through('chat', 'mistral', { messages: [user('a'), REFUSED, user('b'), said, user('c')] })
  const [body] = bodies(house.stages.mistral).slice(-1)
  assert.deepEqual(body?.messages, [
    user('a'),
    { role: 'assistant', content: 'I will not.' },
    user('b'),
    { role: 'assistant', content: 'Well.\n\nI will not.' },
    user('c'),
  ])
})

everywhere('a conversation that the assistant begins', 'chat', {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'assistant', content: 'Welcome.' },
    user('Hi.'),
  ],
})

everywhere('a conversation in which only the system speaks', 'chat', {
  messages: [{ role: 'system', content: 'Say a line.' }],
})

everywhere('instructions and nothing else', 'responses', { instructions: 'Say a line.', input: [] })

/** Servers of chat completions read PDFs at most: a file of plain text is the text that it holds. */
const FILE = Buffer.from('The door is on the left.').toString('base64')

for (const [door, body] of [
  [
    'responses',
    {
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_file', filename: 'plan.md', file_data: `data:text/markdown;base64,${FILE}` },
            { type: 'input_text', text: 'Where?' },
          ],
        },
      ],
    },
  ],
  [
    'gemini',
    {
      contents: [
        {
          role: 'user',
          parts: [
            { inlineData: { mimeType: 'text/plain', data: FILE, displayName: 'plan.md' } },
            { text: 'Where?' },
          ],
        },
      ],
    },
  ],
] as const)
  test(`a file of text by ${door} is told as text where chat completions are asked, and at Cohere`, async () => {
    for (const group of ['openai', 'mistral', 'cohere'] as const) {
      if (door === 'responses' && group === 'openai') continue
      const reply = await house.through(door, group, body as unknown as JsonObject)
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(bodies(house.stages[group]).at(-1)?.messages, [
        user('plan.md\n\nThe door is on the left.\nWhere?'),
      ])
    }
  })

test('what a tool returned as a file of text stands in its result', async () => {
  await house.through('responses', 'mistral', {
    input: [
      user('Read it.'),
      { type: 'function_call', call_id: 'call_1', name: 'read', arguments: '{}' },
      {
        type: 'function_call_output',
        call_id: 'call_1',
        output: [{ type: 'input_file', filename: 'plan.md', file_data: `data:text/markdown;base64,${FILE}` }],
      },
    ],
    tools: [{ type: 'function', name: 'read', parameters: { type: 'object', properties: {} } }],
  })
  const messages = bodies(house.stages.mistral).at(-1)?.messages as readonly JsonObject[]
  assert.deepEqual(
    messages.map(({ role, content }) => [role, content]),
    [
      ['user', 'Read it.'],
      ['assistant', null],
      ['tool', 'plan.md\n\nThe door is on the left.'],
    ],
  )
})

everywhere('a tool that is declared twice', 'chat', {
  messages: [user('Look.')],
  tools: ['Looks.', 'Looks around.'].map(description => ({
    type: 'function',
    function: { name: 'look', description, parameters: { type: 'object', properties: {} } },
  })),
})

test('an effort that a model does not know is left out, for a client of any dialect', async () => {
  const { anthropic, mistral } = house.stages
  const refuse = (message: string): readonly [Fault] => [refusing(message, null)]
  anthropic.script(refuse('This model does not support the effort parameter.'))
  const asked = { max_tokens: 64, messages: [user('Line?')], output_config: { effort: 'low' } }
  const first = await house.through('messages', 'anthropic', asked)
  assert.equal(first.status, 200, first.text)
  assert.deepEqual(dropped(first), ['output_config.effort'])
  mistral.script(refuse('`reasoning_effort` is not supported with this model'))
  const second = await house.through('messages', 'mistral', asked)
  assert.equal(second.status, 200, second.text)
  assert.equal(bodies(mistral).at(-1)?.reasoning_effort, undefined)
})
