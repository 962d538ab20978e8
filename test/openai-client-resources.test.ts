import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import OpenAI, { toFile } from 'openai'
import { CANONICAL } from '../src/stage/lines.ts'
import {
  assertPlayed,
  azureClientOf,
  clear,
  ensemble,
  failing,
  lines,
  messages,
  pathsOf,
  second,
  sound,
} from './openai-client.fixture.ts'

/** What a provider owns: made, read, listed, changed and removed with the official client, and never elsewhere. */
const house = await ensemble({ after })
const { client } = house
const { lead } = house.stages
beforeEach(() => clear(house))

/** Everything went to the owner, and it found nothing to refuse. */
const assertAtHome = (): void => {
  assert.ok(lead.requests.length > 0)
  assertPlayed(house, lead.requests.length, 0)
}

test('responses: stored, read, replayed, continued, their input listed, and deleted', async () => {
  const first = await client.responses.create({ model: 'star', input: 'one' })
  assert.equal((await client.responses.retrieve(first.id)).output_text, CANONICAL)
  const next = await client.responses.create({
    model: 'star',
    input: [1, 2, 3].map(number => ({ role: 'user', content: `line ${number}` })),
    previous_response_id: first.id,
  })
  assert.equal(next.previous_response_id, first.id)
  const items = await Array.fromAsync(client.responses.inputItems.list(next.id, { limit: 1, order: 'asc' }))
  assert.equal(items.length, 3, 'the client turned the pages by itself')
  const replay = await client.responses.retrieve(next.id, { stream: true, starting_after: 2 })
  const events = await Array.fromAsync(replay)
  assert.equal(events[0]?.sequence_number, 3)
  const end = events.at(-1)
  assert.equal(end?.type === 'response.completed' ? end.response.id : end, next.id)
  await client.responses.delete(next.id)
  assertAtHome()
  await assert.rejects(client.responses.retrieve(next.id), OpenAI.NotFoundError)
})

test('responses: background work is polled and cancelled where it runs', async () => {
  const queued = await client.responses.create({ model: 'star', input: 'one', background: true })
  assert.equal(queued.status, 'queued')
  assert.equal((await client.responses.retrieve(queued.id)).status, 'in_progress')
  const done = await client.responses.retrieve(queued.id)
  assert.deepEqual([done.id, done.status, done.output_text], [queued.id, 'completed', CANONICAL])
  const other = await client.responses.create({ model: 'star', input: 'two', background: true })
  const cancelled = await client.responses.cancel(other.id)
  assert.deepEqual([cancelled.id, cancelled.status], [other.id, 'cancelled'])
  assertAtHome()
})

test('responses: a conversation collects what was said in it', async () => {
  const conversation = await client.conversations.create({
    items: [{ type: 'message', role: 'user', content: 'one' }],
    metadata: { act: '1' },
  })
  const answer = await client.responses.create({
    model: 'star',
    input: 'two',
    conversation: conversation.id,
  })
  assert.equal(answer.conversation?.id, conversation.id)
  await client.responses.create({ model: 'star', input: 'three', conversation: { id: conversation.id } })
  const { items } = client.conversations
  const all = await Array.fromAsync(items.list(conversation.id, { limit: 2, order: 'asc' }))
  assert.equal(all.length, 5)
  const added = await items.create(conversation.id, {
    items: [{ type: 'message', role: 'user', content: 'four' }],
  })
  const itemId = added.first_id
  const item = await items.retrieve(itemId, { conversation_id: conversation.id })
  assert.equal(item.type, 'message')
  assert.equal((await items.delete(itemId, { conversation_id: conversation.id })).id, conversation.id)
  const changed = await client.conversations.update(conversation.id, { metadata: { act: '2' } })
  assert.deepEqual([changed.id, changed.metadata], [conversation.id, { act: '2' }])
  assert.deepEqual((await client.conversations.retrieve(conversation.id)).metadata, { act: '2' })
  assert.equal((await client.conversations.delete(conversation.id)).id, conversation.id)
  assertAtHome()
  await assert.rejects(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError)
})

test('files: sent, waited for, read, listed over pages and deleted', async () => {
  const names = ['a.jsonl', 'b.jsonl', 'c.jsonl']
  const made: string[] = []
  for (const name of names)
    made.push((await client.files.create({ file: await toFile(lines(), name), purpose: 'batch' })).id)
  const [id = ''] = made
  assert.equal((await client.files.waitForProcessing(id)).status, 'processed')
  assert.equal((await client.files.retrieve(id)).filename, 'a.jsonl')
  assert.equal(await (await client.files.content(id)).text(), '{"line":1}\n{"line":2}\n')
  const listed = await Array.fromAsync(client.files.list({ limit: 2, purpose: 'batch', order: 'asc' }))
  assert.deepEqual(
    listed.map(file => file.id),
    made,
  )
  for (const one of made) assert.equal((await client.files.delete(one)).deleted, true)
  assertAtHome()
})

test('batches: made, read, listed and cancelled', async () => {
  const file = await client.files.create({ file: await lines(), purpose: 'batch' })
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { scene: '1' },
  })
  assert.deepEqual((await client.batches.retrieve(batch.id)).metadata, { scene: '1' })
  const listed = await Array.fromAsync(client.batches.list({ limit: 1 }))
  assert.deepEqual(
    listed.map(one => one.id),
    [batch.id],
  )
  assert.equal((await client.batches.cancel(batch.id)).status, 'cancelling')
  assertAtHome()
})

test('vector stores: with files, batches of files and a search', async () => {
  const file = await client.files.create({ file: await lines(), purpose: 'assistants' })
  const store = await client.vectorStores.create({ name: 'lines' })
  const joined = await client.vectorStores.files.create(store.id, {
    file_id: file.id,
    attributes: { act: 1 },
  })
  assert.equal(joined.vector_store_id, store.id)
  const where = { vector_store_id: store.id }
  assert.equal((await client.vectorStores.files.retrieve(file.id, where)).status, 'completed')
  const changed = await client.vectorStores.files.update(file.id, { ...where, attributes: { act: 2 } })
  assert.deepEqual(changed.attributes, { act: 2 })
  assert.equal((await Array.fromAsync(client.vectorStores.files.list(store.id))).length, 1)
  assert.ok((await client.vectorStores.files.content(file.id, where)).data.length > 0)
  const batch = await client.vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [file.id] })
  assert.equal(batch.status, 'completed')
  assert.equal((await client.vectorStores.fileBatches.listFiles(batch.id, where)).data.length, 1)
  assert.equal((await client.vectorStores.search(store.id, { query: 'line' })).data[0]?.file_id, file.id)
  assert.equal((await client.vectorStores.update(store.id, { name: 'cues' })).name, 'cues')
  assert.equal((await client.vectorStores.retrieve(store.id)).name, 'cues')
  assert.equal((await Array.fromAsync(client.vectorStores.list())).length, 1)
  assert.equal((await client.vectorStores.files.delete(file.id, where)).deleted, true)
  assert.equal((await client.vectorStores.delete(store.id)).deleted, true)
  assertAtHome()
})

test('fine-tuning jobs: the group becomes the model the provider knows', async () => {
  const file = await client.files.create({ file: await lines(), purpose: 'fine-tune' })
  const { jobs } = client.fineTuning
  const job = await jobs.create({ model: 'star', training_file: file.id, suffix: 'act one' })
  assert.match(job.model, /^gpt-4\.1-\d{4}/)
  assert.equal((await jobs.retrieve(job.id)).id, job.id)
  assert.equal((await Array.fromAsync(jobs.list({ limit: 1 }))).length, 1)
  assert.equal((await jobs.listEvents(job.id)).data.length, 1)
  assert.deepEqual((await jobs.checkpoints.list(job.id)).data, [])
  assert.equal((await jobs.pause(job.id)).status, 'paused')
  assert.equal((await jobs.resume(job.id)).status, 'queued')
  assert.equal((await jobs.cancel(job.id)).status, 'cancelled')
  assertAtHome()
})

test('an object of one provider is asked of nobody else when that provider fails', async () => {
  lead.script(Array(8).fill({ kind: 'status', status: 503 }))
  for (const ask of [
    () => client.files.list(),
    () => client.batches.retrieve('batch_1'),
    () => client.vectorStores.create({ name: 'lines' }),
    () => client.fineTuning.jobs.create({ model: 'star', training_file: 'file-1' }),
    () => client.conversations.create({}),
  ])
    assert.equal((await failing(Promise.resolve(ask()))).status, 503)
  assertPlayed(house, 5, 0)
})

test('models: the groups, each by its name', async () => {
  const names = (await Array.fromAsync(client.models.list())).map(model => model.id)
  assert.ok(names.includes('star') && names.includes('vectors-second'))
  assert.equal((await client.models.retrieve('star')).id, 'star')
  await assert.rejects(client.models.retrieve('nobody'), OpenAI.NotFoundError)
  assertPlayed(house, 0, 0)
})

test('AzureOpenAI: its deployment paths and api-version serve groups, and cross', async () => {
  const azure = azureClientOf(house)
  for (const served of ['star', second('star')]) {
    if (served !== 'star') lead.script(Array(8).fill({ kind: 'status', status: 503 }))
    const chat = await azure.chat.completions.create({ model: 'star', messages: messages('Hello') })
    assert.deepEqual([chat.choices[0]?.message.content, chat.model], [CANONICAL, served])
    const stream = azure.chat.completions.stream({ model: 'star', messages: messages('Hello') })
    assert.equal((await stream.finalChatCompletion()).choices[0]?.message.content, CANONICAL)
    const vectors = await azure.embeddings.create({ model: 'vectors', input: 'a', dimensions: 8 })
    assert.equal(vectors.data[0]?.embedding.length, 8)
    const answer = await azure.responses.create({ model: 'star', input: 'Hello' })
    assert.deepEqual([answer.output_text, answer.model], [CANONICAL, served])
    assert.equal((await azure.responses.compact({ model: 'star', input: 'Hello' })).output.length, 2)
    const drawn = await azure.images.generate({ model: 'painter', prompt: 'a stage' })
    assert.equal(drawn.data?.length, 1)
    const heard = await azure.audio.transcriptions.create({ model: 'ear', file: await sound() })
    assert.equal(heard.text, CANONICAL)
  }
  assertPlayed(house, 14, 7)
  assert.deepEqual(pathsOf(lead).slice(0, 7), [
    'POST /v1/chat/completions',
    'POST /v1/chat/completions',
    'POST /v1/embeddings',
    'POST /v1/responses',
    'POST /v1/responses/compact',
    'POST /v1/images/generations',
    'POST /v1/audio/transcriptions',
  ])
  assert.ok(
    lead.requests.every(hit => hit.query.size === 0),
    'api-version was meant for the gateway',
  )
})

test('AzureOpenAI: a stored response is read, continued and deleted through its own paths', async () => {
  const azure = azureClientOf(house)
  const first = await azure.responses.create({ model: 'star', input: 'one' })
  const next = await azure.responses.create({ model: 'star', input: 'two', previous_response_id: first.id })
  assert.equal((await azure.responses.retrieve(next.id)).previous_response_id, first.id)
  assert.equal((await azure.responses.inputItems.list(next.id)).data.length, 1)
  await azure.responses.delete(next.id)
  assertAtHome()
})
