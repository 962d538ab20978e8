import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTakenBetas } from './vertex-betas.ts'

const ASKED =
  'claude-code-20250219, interleaved-thinking-2025-05-14,effort-2025-11-24,advanced-tool-use-2025-11-20,tool-search-tool-2025-10-19'

test('what Vertex AI takes goes along, each once and by its name there; the rest stays behind and is told', () => {
  const { headers, warnings } = withTakenBetas(
    [
      ['accept', 'a'],
      ['anthropic-beta', ASKED],
    ],
    { allowedParams: [] },
  )
  assert.deepEqual(headers, [
    ['accept', 'a'],
    ['anthropic-beta', 'interleaved-thinking-2025-05-14,tool-search-tool-2025-10-19'],
  ])
  assert.deepEqual(
    warnings.map(({ lost }) => lost),
    ['anthropic-beta: claude-code-20250219', 'anthropic-beta: effort-2025-11-24'],
  )
})

test('without one that is taken there is no header, and what the operator allows goes as it is', () => {
  const only = (beta: string, allowedParams: readonly string[]) =>
    withTakenBetas([['anthropic-beta', beta]], { allowedParams }).headers
  assert.deepEqual(only('effort-2025-11-24', []), [])
  const kept = 'advanced-tool-use-2025-11-20'
  assert.deepEqual(only(kept, [kept]), [['anthropic-beta', kept]])
  assert.deepEqual(withTakenBetas([['accept', 'a']], { allowedParams: [] }).headers, [['accept', 'a']])
})
