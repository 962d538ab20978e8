import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import { readResponsesRequest } from './responses-request.ts'

describe('a tool that runs at its provider only is lost by its place, and told by its name', () => {
  const rows: readonly (readonly [place: string, type: string, tools: readonly JsonObject[]])[] = [
    ['tools[1].type', 'web_search', [{ type: 'function', name: 'a' }, { type: 'web_search' }]],
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
