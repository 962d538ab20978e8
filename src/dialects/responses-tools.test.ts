import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import { readResponsesRequest } from './responses-request.ts'

describe('a tool that runs at its provider only is lost by its place, and told by its name', () => {
  const rows: readonly (readonly [place: string, type: string, tools: readonly JsonObject[]])[] = [
    ['tools[0].type', 'web_search', [{ type: 'web_search' }]],
    ['tools[1].type', 'file_search', [{ type: 'function', name: 'a' }, { type: 'file_search' }]],
    ['tools[0].tools[0].type', 'mcp', [{ type: 'namespace', name: 'n', tools: [{ type: 'mcp' }] }]],
  ]
  for (const [place, type, tools] of rows)
    test(type, () => {
      const losses = collectLosses()
      const { tools: read } = readResponsesRequest({ input: 'hi', tools }, losses)
      const { lost, what } = losses.found()
      assert.deepEqual(lost, [place])
      assert.equal(
        what.get(place),
        `The built-in tool '${type}' runs at providers of the Responses API only.`,
      )
      assert.deepEqual(
        (read ?? []).map(tool => tool.name),
        tools.filter(tool => tool.type === 'function').map(tool => tool.name),
      )
    })
})

describe('beside the client’s own tools a search is an offer', () => {
  const own = { type: 'function', name: 'a' }
  for (const tools of [
    [own, { type: 'web_search' }],
    [{ type: 'web_search_preview_2025_03_11' }, own],
    [{ type: 'image_generation' }, { type: 'namespace', name: 'n', tools: [own] }],
    [{ type: 'tool_search' }, { type: 'custom', name: 'b' }],
  ])
    test(tools.map(({ type }) => type).join(', '), () => {
      const losses = collectLosses()
      const { tools: read } = readResponsesRequest({ input: 'hi', tools }, losses)
      const { lost, warnings } = losses.found()
      const hosted = tools.find(({ type }) => /search|image/.test(type))
      assert.deepEqual(lost, [])
      assert.deepEqual(
        warnings.map(one => one.lost),
        [`tools[].type ${hosted?.type}`],
      )
      assert.equal(read?.length, 1)
    })

  test('a choice that asks for it is refused', () => {
    const body = { input: 'hi', tools: [own, { type: 'web_search' }], tool_choice: { type: 'web_search' } }
    assert.throws(() => readResponsesRequest(body, collectLosses()), { param: 'tool_choice.type' })
  })
})
