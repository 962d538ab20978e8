import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { call, user, write } from './anthropic-messages.fixture.ts'
import { readMessagesRequest } from './anthropic-messages-request.ts'
import { collectLosses } from './losses.ts'

const read = (body: JsonObject) => {
  const losses = collectLosses()
  const request = readMessagesRequest({ model: 'm', max_tokens: 10, messages: [], ...body }, losses)
  const { lost, warnings } = losses.found()
  return { request, lost, warned: warnings.map(warning => warning.lost) }
}

const look = { name: 'look', input_schema: { type: 'object', properties: {} } }
const wait = { name: 'wait', input_schema: { type: 'object', properties: {} } }
const hello = { role: 'user', content: 'Hello' }

const names = (body: JsonObject): readonly string[] => (read(body).request.tools ?? []).map(tool => tool.name)

describe('members of a Messages request that no other dialect has', () => {
  test('each is told by its name, in blocks of every type', () => {
    const blocks: readonly (readonly [JsonObject, string])[] = [
      [
        {
          type: 'image',
          source: { type: 'url', url: 'https://example.com/a.png' },
          transformations: { oversized_image: 'error' },
        },
        'messages[].content[].transformations',
      ],
      [
        { type: 'tool_use', id: 'a', name: 'look', input: {}, toolset_name: 'browser' },
        'messages[].content[].toolset_name',
      ],
      [
        {
          type: 'tool_use',
          id: 'a',
          name: 'look',
          input: {},
          caller: { type: 'code_execution_20260120', tool_id: 'srv' },
        },
        'messages[].content[].caller',
      ],
      [
        {
          type: 'search_result',
          source: 's',
          title: 't',
          content: [{ type: 'text', text: 'x' }],
          citations: { enabled: true },
        },
        'messages[].content[].citations',
      ],
      [{ type: 'text', text: 'x', sung: true }, 'messages[].content[].sung'],
    ]
    for (const [block, name] of blocks)
      assert.deepEqual(
        read({ messages: [hello, { role: 'assistant', content: [block] }] }).warned,
        [name],
        name,
      )
    assert.deepEqual(read({ messages: [{ ...hello, mood: 'good' }] }).warned, ['messages[].mood'])
  })

  test('what says no more than its default is not told', () => {
    const { warned } = read({
      messages: [
        hello,
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'a', name: 'look', input: {}, caller: { type: 'direct' } },
            { type: 'text', text: 'x', citations: null, cache_control: null },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', toolset_name: null }] },
      ],
      thinking: { type: 'adaptive', block_binding: null },
      output_config: { effort: null, format: null },
    })
    assert.deepEqual(warned, [])
  })

  test('an effort, a format or a kind of thinking that nobody knows is lost by its name', () => {
    assert.deepEqual(read({ output_config: { effort: 'utmost' } }).lost, ['output_config.effort'])
    assert.deepEqual(read({ output_config: { format: { type: 'grammar' } } }).lost, ['output_config.format'])
    assert.deepEqual(read({ output_format: { type: 'grammar' } }).lost, ['output_format'])
    assert.deepEqual(read({ thinking: { type: 'aloud' } }).lost, ['thinking.type'])
    assert.deepEqual(
      read({ thinking: { type: 'adaptive', block_binding: { prefix_mismatch_behavior: 'drop_block' } } })
        .warned,
      ['thinking.block_binding'],
    )
  })

  test('a choice among the tools that nobody knows is refused by its name', () => {
    assert.throws(
      () => read({ tools: [look], tool_choice: { type: 'some' } }),
      (error: unknown) => error instanceof Unsupported && error.param === 'tool_choice.type',
    )
  })

  test('a mark on a call or on a document of parts is kept, and written again', () => {
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
    const { request } = read({
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              title: 'T',
              source: { type: 'content', content: [{ type: 'text', text: 'x' }] },
              ...mark,
            },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {}, ...mark }] },
      ],
    })
    assert.deepEqual(
      request.turns.flatMap(({ parts }) => parts.map(part => 'cache' in part && part.cache)),
      [false, { ttl: '1h' }, { ttl: '1h' }],
    )
    const { body } = write({
      turns: [user('x'), { role: 'assistant', parts: [{ ...call('a'), cache: { ttl: '1h' } } as never] }],
    })
    assert.match(
      JSON.stringify(body.messages),
      /"type":"tool_use".*"cache_control":\{"type":"ephemeral","ttl":"1h"\}/,
    )
  })
})

describe('a word of the system in the middle', () => {
  const brief = { role: 'system', content: 'Be brief.', clear_at: 'next_user_message' }

  test('is gone once the user has spoken again, where it says so', () => {
    const said = (messages: readonly JsonObject[]): readonly string[] =>
      read({ messages }).request.turns.flatMap(({ role, parts }) =>
        role === 'system' && parts.length > 0 ? [role] : [],
      )
    assert.equal(said([hello, brief]).length, 1)
    assert.equal(said([hello, brief, { role: 'assistant', content: 'Hi.' }]).length, 1)
    assert.equal(said([hello, brief, { role: 'assistant', content: 'Hi.' }, hello]).length, 0)
    assert.equal(said([hello, { ...brief, clear_at: 'never' }, hello]).length, 1)
  })

  test('sets the effort', () => {
    const low = { role: 'system', output_config: { effort: 'low' } }
    const high = { output_config: { effort: 'high' }, thinking: { type: 'adaptive' } }
    assert.equal(read({ ...high, messages: [hello, low] }).request.effort, 'low')
    assert.equal(read({ ...high, messages: [hello] }).request.effort, 'high')
  })

  test('adds tools and takes them away', () => {
    const change = (type: string, tool: JsonObject): JsonObject => ({
      role: 'system',
      content: [{ type, tool }],
    })
    const added = change('tool_addition', { type: 'tool_definition', definition: wait })
    const removed = change('tool_removal', { type: 'tool_reference', name: 'look' })
    assert.deepEqual(names({ tools: [look], messages: [hello, added] }), ['look', 'wait'])
    assert.deepEqual(names({ tools: [look, wait], messages: [hello, removed] }), ['wait'])
    const again = change('tool_addition', { type: 'tool_reference', name: 'look' })
    assert.deepEqual(names({ tools: [look, wait], messages: [hello, removed, again] }), ['wait', 'look'])
    assert.deepEqual(read({ tools: [look], messages: [hello, added, removed] }).warned, [])
    const compacted = {
      role: 'assistant',
      content: [
        {
          type: 'compaction',
          content: 'So far.',
          tool_changes: [{ type: 'tool_removal', tool: { type: 'tool_reference', name: 'look' } }],
        },
      ],
    }
    assert.deepEqual(names({ tools: [look, wait], messages: [hello, compacted] }), ['wait'])
    assert.throws(
      () =>
        read({
          messages: [
            hello,
            change('tool_addition', {
              type: 'tool_definition',
              definition: { type: 'web_search_20250305', name: 'web_search' },
            }),
          ],
        }),
      (error: unknown) =>
        error instanceof Unsupported && error.param === 'messages[1].content[0].tool.definition.type',
    )
  })
})
