import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { question, troupe } from './bound-state.fixture.ts'
import { bodies, down, said } from './repairs.fixture.ts'

/** What one account keeps, kind by kind: used there, sent to nobody else, and told by its field when nobody is left. */

const { ask, assertSeen, clear, fresh, left, right, store, upload } = await troupe({ after })
beforeEach(clear)

type Row = {
  readonly name: string
  readonly field: string
  readonly known: boolean
  readonly body: () => Promise<JsonObject> | JsonObject
  readonly mend: RegExp
}

const ROWS: readonly Row[] = [
  {
    name: 'a file that was uploaded here',
    field: 'input[0].content[0].file_id',
    known: true,
    body: async () => ({
      input: [{ role: 'user', content: [{ type: 'input_file', file_id: await upload() }] }],
    }),
    mend: /file_data/,
  },
  {
    name: 'a picture by its file',
    field: 'input[0].content[0].file_id',
    known: true,
    body: async () => ({
      input: [{ role: 'user', content: [{ type: 'input_image', file_id: await upload(), detail: 'low' }] }],
    }),
    mend: /data URL/,
  },
  {
    name: 'a file of a tool result',
    field: 'input[1].output[0].file_id',
    known: true,
    body: async () => ({
      input: [
        { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
        {
          type: 'function_call_output',
          call_id: 'call_1',
          output: [{ type: 'input_image', file_id: await upload() }],
        },
      ],
    }),
    mend: /file_data/,
  },
  {
    name: 'files of a code interpreter',
    field: 'tools[0].container.file_ids[0]',
    known: true,
    body: async () => ({
      tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: [await upload()] } }],
    }),
    mend: /file_data/,
  },
  {
    name: 'a vector store',
    field: 'tools[0].vector_store_ids[0]',
    known: true,
    body: async () => ({ tools: [{ type: 'file_search', vector_store_ids: [await store()] }] }),
    mend: /leave the tool out/,
  },
  {
    name: 'a container',
    field: 'tools[0].container',
    known: false,
    body: () => ({ tools: [{ type: 'code_interpreter', container: fresh('cntr_') }] }),
    mend: /"type": "auto"/,
  },
  {
    name: 'a container of a shell',
    field: 'tools[0].environment.container_id',
    known: false,
    body: () => ({
      tools: [{ type: 'shell', environment: { type: 'container_reference', container_id: fresh('cntr_') } }],
    }),
    mend: /"type": "auto"/,
  },
  {
    name: 'a stored prompt',
    field: 'prompt.id',
    known: false,
    body: () => ({ prompt: { id: fresh('pmpt_'), variables: { who: 'Lear' } } }),
    mend: /as instructions and input/,
  },
  {
    name: 'a connector',
    field: 'tools[0].connector_id',
    known: false,
    body: () => ({ tools: [{ type: 'mcp', server_label: 'mail', connector_id: fresh('connector_') }] }),
    mend: /server_url/,
  },
]

for (const { name, field, known, body, mend } of ROWS)
  describe(name, () => {
    test('is used at its owner’s, as the client wrote it', async () => {
      const request = await body()
      const reply = await ask('left', request)
      assert.equal(reply.status, 200, reply.text)
      assertSeen(1, 0, 0, 0)
      assert.deepEqual(
        { ...bodies(left)[0], model: 'left' },
        { model: 'left', input: [question('Line, please.')], ...request },
      )
      assert.equal(reply.headers['x-understudy-dropped'], undefined)
    })

    test('is sent to nobody else while its owner is out: the failure names the field and the mend', async () => {
      const request = await body()
      down(left)
      for (const stream of [false, true]) {
        const reply = await ask('left', { ...request, stream })
        assert.equal(reply.status, 503, reply.text)
        const { message, param } = said(reply)
        assert.equal(param, field)
        assert.ok(String(message).includes(`'${field}'`), String(message))
        assert.match(String(message), mend)
      }
      // Both models of the account, and as often as a retry allows; nobody else.
      assert.ok(left.requests.length > 2)
      assertSeen(left.requests.length, 0, 0, 0)
    })

    test('keeps a group of two accounts to the one that has it', async () => {
      const request = await body()
      if (!known) assert.equal((await ask('left', request)).status, 200, 'it was used, so it is known')
      left.clear()
      for (let time = 0; time < 4; time += 1) {
        const reply = await ask('pair', request)
        assert.equal(reply.status, 200, reply.text)
      }
      assertSeen(4, 0, 0, 0)
      down(left)
      assert.equal((await ask('pair', request)).status, 503)
      assert.equal(right.requests.length, 0)
    })

    test('is refused before anything is sent where the model has nobody who has it', async () => {
      const request = await body()
      if (!known) assert.equal((await ask('left', request)).status, 200)
      left.clear()
      const reply = await ask('right', request)
      assert.equal(reply.status, 400, reply.text)
      assert.equal(said(reply).param, field)
      assert.match(String(said(reply).message), mend)
      assertSeen(0, 0, 0, 0)
    })
  })
