import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parsePath } from '../wire/edit.ts'
import { MEANINGFUL, meaningOf } from './meaning.ts'

const stays = (text: string, answers: Parameters<typeof meaningOf>[1] = 'responses'): boolean =>
  meaningOf(parsePath(text), answers) !== undefined

describe('what carries meaning stays', () => {
  for (const text of [
    ...[
      'input',
      'messages',
      'prompt',
      'model',
      'tools',
      'tool_choice',
      'text',
      'text.format',
      'response_format',
    ],
    ...[
      'previous_response_id',
      'conversation',
      'stream',
      'n',
      'functions',
      'instructions',
      'store',
      'logprobs',
    ],
    ...[
      'text.format.schema',
      'response_format.json_schema.strict',
      'tools[*].strict',
      'tools[*].function.parameters',
    ],
    ...[
      'tools[*].external_web_access',
      'tools[*].parameters.properties.cache_control',
      'max_output_tokens',
      'stop',
    ],
    ...[
      'input[*].content',
      'input[*].call_id',
      'input[*].content[*].text',
      'input[*].encrypted_content',
      'input[*]',
    ],
    ...[
      'messages[*].tool_calls',
      'messages[*].tool_calls[*].id',
      'messages[*].content[*].image_url',
      'dimensions',
    ],
    ...['provider', 'provider.data_collection', 'provider.only[*]', 'plugins', 'search_parameters.sources'],
    ...['compliance', 'safety_model', 'safe_prompt', 'guided_json'],
  ])
    test(text, () => assert.ok(stays(text)))
})

describe('what tunes the answer or labels the call may go', () => {
  for (const text of [
    ...[
      'metadata',
      'user',
      'service_tier',
      'prompt_cache_key',
      'safety_identifier',
      'temperature',
      'top_p',
      'seed',
    ],
    ...[
      'client_metadata',
      'reasoning',
      'reasoning.summary',
      'include',
      'verbosity',
      'text.verbosity',
      'anything_new',
    ],
    ...[
      'input[*].metadata',
      'input[*].status',
      'input[*].phase',
      'input[*].id',
      'input[*].content[*].prompt_cache_breakpoint',
    ],
    ...[
      'messages[*].reasoning_content',
      'messages[*].content[*].cache_control',
      'tools[*].function.cache_control',
    ],
    ...['models', 'route', 'transforms', 'session_id', 'messages[*].reasoning'],
    ...['tools[*].defer_loading', 'parallel_tool_calls', 'stream_options', 'generationConfig.topK'],
  ])
    test(text, () => assert.ok(!stays(text)))

  test('a summary calls no tool and has no form', () => {
    for (const text of ['tools', 'tool_choice', 'text', 'text.format']) {
      assert.ok(stays(text, 'responses'))
      assert.ok(!stays(text, 'compaction'))
    }
    assert.ok(stays('input', 'compaction'))
    assert.ok(stays('image', 'images') && !stays('image', 'compaction'))
    assert.ok(stays('store') && !stays('store', 'chat'))
  })
})

/** `a`, `b` | why, one row for each reason. */
const rows = (): readonly string[] => {
  const byReason = Map.groupBy(MEANINGFUL, one => one.because)
  return [...byReason].map(
    ([because, ones]) => `| ${ones.map(one => `\`${one.path}\``).join(', ')} | ${because} |`,
  )
}

test('docs/failover.md has the table', () => {
  const page = readFileSync(new URL('../../docs/failover.md', import.meta.url), 'utf8')
  const [, table = ''] = /<!-- meanings -->\n([\s\S]*?)\n<!-- \/meanings -->/.exec(page) ?? []
  assert.deepEqual(table.split('\n'), rows())
})

test('each row says why, and stands once', () => {
  assert.equal(new Set(MEANINGFUL.map(one => one.path)).size, MEANINGFUL.length)
  for (const { because } of MEANINGFUL) assert.match(because, /^\w[\w ,]{10,}$/)
})
