import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { printPath } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { BOUND_STATE, type BoundKind, referencesIn } from './bound-state.ts'

const placesOf = ({ shown, places }: BoundKind): string =>
  shown ?? (places ?? []).map(({ path }) => `\`${path}\``).join(', ')

test('docs/responses-state.md has the table of bound state, row by row', async () => {
  const page = await readFile(new URL('../../docs/responses-state.md', import.meta.url), 'utf8')
  const table = /<!-- bound state -->\n([\s\S]*?)<!-- \/bound state -->/.exec(page)?.[1] ?? ''
  assert.deepEqual(
    table.trim().split('\n'),
    BOUND_STATE.map(kind =>
      ['', kind.name, placesOf(kind), kind.readers, `**${kind.away}**: ${kind.how}`, ''].join(' | ').trim(),
    ),
  )
})

const found = (body: JsonObject, shape: 'responses' | 'chat' | 'messages' | 'gemini' = 'responses') =>
  referencesIn(indexObject(Buffer.from(JSON.stringify(body))), shape).map(
    ({ kind, path, id }) => `${printPath(path)} ${kind.name} ${id}`,
  )

test('ids are found where they stand, and nowhere else', () => {
  const input = [
    {
      role: 'user',
      content: [
        { type: 'input_text', text: '"file_id": "no"' },
        { type: 'input_file', file_id: 'f1' },
      ],
    },
    { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', file_id: 'f2' }] },
    { type: 'function_call', call_id: 'd', name: 'g', arguments: '{"file_id": "no"}' },
  ]
  assert.deepEqual(found({ input }), [
    'input[0].content[1].file_id a file f1',
    'input[1].output[0].file_id a file f2',
  ])
  assert.deepEqual(
    found({ tools: [{ type: 'code_interpreter', container: { type: 'auto' } }], prompt: 'text', input: 'x' }),
    [],
  )
  assert.deepEqual(found({ container: 'c1' }, 'messages'), ['container a container c1'])
  assert.deepEqual(found({ container: { id: 'c2', skills: [] } }, 'messages'), [
    'container.id a container c2',
  ])
})

test('a file of Google’s binds, one that everybody can fetch does not', () => {
  const parts = (fileUri: string): JsonObject => ({ contents: [{ parts: [{ fileData: { fileUri } }] }] })
  assert.equal(found(parts('https://generativelanguage.googleapis.com/v1beta/files/x'), 'gemini').length, 1)
  for (const uri of ['https://www.youtube.com/watch?v=1', 'gs://bucket/lines.txt'])
    assert.deepEqual(found(parts(uri), 'gemini'), [])
})
