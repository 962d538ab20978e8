import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { hasForm } from './continuation.ts'

const isHeld = (body: JsonObject): boolean => hasForm(key => body[key])

test('an answer is held to a form in the words of each dialect, and text is none', () => {
  for (const body of [
    { response_format: { type: 'json_object' } },
    { guided_choice: ['a', 'b'] },
    { structured_outputs: { json: {} } },
    { output_format: { type: 'json_schema' } },
    { output_config: { format: { type: 'json_schema' } } },
    { generationConfig: { responseMimeType: 'application/json' } },
    { generationConfig: { responseSchema: { type: 'OBJECT' } } },
    { generation_config: { response_json_schema: {} } },
  ])
    assert.ok(isHeld(body), JSON.stringify(body))
  for (const body of [
    {},
    { response_format: { type: 'text' } },
    { response_format: null, guided_json: null },
    { output_config: { effort: 'low' } },
    { generationConfig: { responseMimeType: 'text/plain', temperature: 0 } },
  ])
    assert.ok(!isHeld(body), JSON.stringify(body))
})
