import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import OpenAI, { AzureOpenAI, toFile } from 'openai'
import { CANONICAL } from './lines.ts'
import { type Stage, type StageOptions, startStage } from './stage.ts'

/** The official client is the judge of whether a stage speaks its dialect. */
const open = async (
  t: TestContext,
  options: StageOptions = {},
): Promise<{ stage: Stage; client: OpenAI }> => {
  const stage = await startStage(options)
  t.after(() => stage.close())
  return { stage, client: new OpenAI({ apiKey: stage.key, baseURL: stage.baseUrl, maxRetries: 0 }) }
}

const messages = (content: string) => [{ role: 'user' as const, content }]

test('chat: whole, streamed with usage, a tool call, a refusal', async t => {
  const { client } = await open(t)
  const whole = await client.chat.completions.create({ model: 'gpt-4.1', messages: messages('Hello') })
  assert.equal(whole.choices[0]?.message.content, CANONICAL)
  const stream = client.chat.completions.stream({
    model: 'gpt-4.1',
    messages: messages('Hello'),
    stream_options: { include_usage: true },
  })
  const final = await stream.finalChatCompletion()
  assert.equal(final.choices[0]?.message.content, CANONICAL)
  assert.equal(final.usage?.completion_tokens, 6)
  const tool = {
    name: 'cue',
    parameters: { type: 'object', properties: { line: { type: 'string' }, count: { type: 'integer' } } },
  }
  const called = await client.chat.completions
    .stream({
      model: 'gpt-4.1',
      messages: messages('Hello'),
      tools: [{ type: 'function', function: tool }],
      tool_choice: 'required',
    })
    .finalChatCompletion()
  const call = called.choices[0]?.message.tool_calls?.[0]
  assert.deepEqual(call?.type === 'function' ? JSON.parse(call.function.arguments) : call, {
    line: CANONICAL,
    count: 1,
  })
  const refused = await client.chat.completions.create({
    model: 'gpt-4.1',
    messages: messages('[stage:refuse]'),
  })
  assert.equal(refused.choices[0]?.message.refusal, CANONICAL)
})

test('azure: the client’s own dated paths, and a first chunk without choices', async t => {
  const { stage } = await open(t, { flavour: 'azure', models: ['prod'] })
  const client = new AzureOpenAI({
    apiKey: stage.key,
    endpoint: stage.origin,
    apiVersion: '2024-10-21',
    maxRetries: 0,
  })
  const stream = await client.chat.completions.create({
    model: 'prod',
    messages: messages('Hello'),
    stream: true,
  })
  const chunks = await Array.fromAsync(stream)
  assert.deepEqual(chunks[0]?.choices, [])
  assert.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), CANONICAL)
  assert.match(stage.requests[0]?.path ?? '', /^\/openai\/deployments\/prod\/chat\/completions$/)
})

test('responses: the helper, which checks the order of events, accepts the stream', async t => {
  const { client } = await open(t)
  const tool = {
    type: 'function' as const,
    name: 'cue',
    strict: false,
    parameters: { type: 'object', properties: {} },
  }
  for (const input of ['Hello', '[stage:reason] Hello', '[stage:refuse]', '[stage:tool]']) {
    const stream = client.responses.stream({ model: 'gpt-4.1', input, tools: [tool] })
    const final = await stream.finalResponse()
    assert.equal(final.status, 'completed', input)
    if (input.endsWith('Hello')) assert.equal(final.output_text, CANONICAL)
    if (input === '[stage:tool]') assert.equal(final.output[0]?.type, 'function_call')
  }
})

test('responses: stored, continued, listed, replayed and deleted', async t => {
  const { client } = await open(t)
  const first = await client.responses.create({ model: 'gpt-4.1', input: 'one' })
  const second = await client.responses.create({
    model: 'gpt-4.1',
    input: 'two',
    previous_response_id: first.id,
  })
  assert.ok((second.usage?.input_tokens ?? 0) > (first.usage?.input_tokens ?? 0))
  const items = await client.responses.inputItems.list(second.id)
  assert.equal(items.data.length, 1)
  const replay = await client.responses.retrieve(second.id, { stream: true, starting_after: 2 })
  const numbers = (await Array.fromAsync(replay)).map(event => event.sequence_number)
  assert.equal(numbers[0], 3)
  await client.responses.delete(second.id)
  await assert.rejects(client.responses.retrieve(second.id), { status: 404 })
  const unstored = await client.responses.create({ model: 'gpt-4.1', input: 'three', store: false })
  await assert.rejects(client.responses.retrieve(unstored.id), { status: 404 })
})

test('responses: background work is queued, looked at, done; only it can be cancelled', async t => {
  const { client } = await open(t)
  const queued = await client.responses.create({ model: 'gpt-4.1', input: 'one', background: true })
  assert.equal(queued.status, 'queued')
  assert.equal((await client.responses.retrieve(queued.id)).status, 'in_progress')
  assert.equal((await client.responses.retrieve(queued.id)).output_text, CANONICAL)
  const other = await client.responses.create({ model: 'gpt-4.1', input: 'two', background: true })
  assert.equal((await client.responses.cancel(other.id)).status, 'cancelled')
  const plain = await client.responses.create({ model: 'gpt-4.1', input: 'three' })
  await assert.rejects(client.responses.cancel(plain.id), { status: 400 })
})

test('compaction: the endpoint and the trigger give one item that the same stage reads again', async t => {
  const { client } = await open(t)
  const compacted = await client.responses.compact({
    model: 'gpt-4.1',
    input: [{ role: 'user', content: 'a long talk' }],
  })
  assert.equal(compacted.object, 'response.compaction')
  assert.deepEqual(
    compacted.output.map(item => item.type),
    ['message', 'compaction'],
  )
  const item = compacted.output[1]
  assert.equal(item?.type, 'compaction')
  if (item?.type !== 'compaction') return
  const sealed = { type: 'compaction' as const, encrypted_content: item.encrypted_content }
  const next = await client.responses.create({
    model: 'gpt-4.1',
    input: [sealed, { role: 'user', content: 'go on' }],
  })
  assert.equal(next.output_text, CANONICAL)
  const trigger = await client.responses.create({
    model: 'gpt-4.1',
    input: [{ role: 'user', content: 'a long talk' }, { type: 'compaction_trigger' }],
  })
  assert.deepEqual(
    trigger.output.map(one => one.type),
    ['compaction'],
  )
})

test('conversations collect what was said', async t => {
  const { client } = await open(t)
  const conversation = await client.conversations.create({
    items: [{ type: 'message', role: 'user', content: 'one' }],
  })
  await client.responses.create({ model: 'gpt-4.1', input: 'two', conversation: conversation.id })
  const items = await client.conversations.items.list(conversation.id, { order: 'asc' })
  assert.deepEqual(
    items.data.map(item => item.type),
    ['message', 'message', 'message'],
  )
  await client.conversations.delete(conversation.id)
  await assert.rejects(client.conversations.retrieve(conversation.id), { status: 404 })
})

test('files, vector stores, batches and fine-tuning jobs know their own ids only', async t => {
  const { client } = await open(t)
  const file = await client.files.create({
    file: await toFile(Buffer.from('line\n'), 'lines.jsonl'),
    purpose: 'batch',
  })
  assert.equal(await (await client.files.content(file.id)).text(), 'line\n')
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { scene: '1' },
  })
  assert.deepEqual((await client.batches.retrieve(batch.id)).metadata, { scene: '1' })
  const store = await client.vectorStores.create({ name: 'lines', file_ids: [file.id] })
  assert.equal(store.file_counts.completed, 1)
  const hits = await client.vectorStores.search(store.id, { query: 'line' })
  assert.equal(hits.data[0]?.file_id, file.id)
  const job = await client.fineTuning.jobs.create({ model: 'gpt-4.1', training_file: file.id })
  assert.equal((await client.fineTuning.jobs.cancel(job.id)).status, 'cancelled')
  assert.equal((await client.fineTuning.jobs.listEvents(job.id)).data.length, 1)
  await client.files.delete(file.id)
  await assert.rejects(client.files.retrieve(file.id), /No such File object/)
  await assert.rejects(client.batches.retrieve('batch_elsewhere'), { status: 404 })
  await assert.rejects(client.vectorStores.retrieve('vs_elsewhere'), { status: 404 })
})

test('embeddings: floats and base64 are the same vector, dimensions are kept', async t => {
  const { client } = await open(t)
  const model = 'text-embedding-3-small'
  const asked = { model, input: ['a', 'b'], dimensions: 8 }
  const floats = await client.embeddings.create({ ...asked, encoding_format: 'float' })
  const decoded = await client.embeddings.create(asked)
  assert.deepEqual(decoded.data[1]?.embedding.map(Math.fround), floats.data[1]?.embedding.map(Math.fround))
  assert.equal(floats.data[0]?.embedding.length, 8)
  const other = await client.embeddings.create({
    ...asked,
    model: 'text-embedding-3-large',
    encoding_format: 'float',
  })
  assert.notDeepEqual(other.data[0]?.embedding, floats.data[0]?.embedding)
})

test('images: whole, edited from a form, and streamed with partial ones', async t => {
  const { client } = await open(t)
  const made = await client.images.generate({ model: 'gpt-image-1', prompt: 'a stage' })
  const image = Buffer.from(made.data?.[0]?.b64_json ?? '', 'base64')
  assert.equal(image.subarray(1, 4).toString(), 'PNG')
  const edited = await client.images.edit({
    model: 'gpt-image-1',
    prompt: 'a curtain',
    image: [
      await toFile(image, 'a.png', { type: 'image/png' }),
      await toFile(image, 'b.png', { type: 'image/png' }),
    ],
  })
  assert.equal(edited.data?.length, 1)
  const stream = await client.images.generate({
    model: 'gpt-image-1',
    prompt: 'a stage',
    stream: true,
    partial_images: 2,
  })
  const types = (await Array.fromAsync(stream)).map(event => event.type)
  assert.deepEqual(types, [
    'image_generation.partial_image',
    'image_generation.partial_image',
    'image_generation.completed',
  ])
})

test('audio: speech in bytes and events, transcripts in every format and streamed', async t => {
  const { client } = await open(t)
  const said = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'To be' } as const
  const sound = Buffer.from(await (await client.audio.speech.create(said)).arrayBuffer())
  assert.equal(sound.length, 8192)
  const events = await (await client.audio.speech.create({ ...said, stream_format: 'sse' })).text()
  assert.match(events, /speech\.audio\.done/)
  const file = async () => toFile(sound, 'a.mp3', { type: 'audio/mpeg' })
  const heard = await client.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await file() })
  assert.equal(heard.text, CANONICAL)
  const srt = await client.audio.transcriptions.create({
    model: 'whisper-1',
    file: await file(),
    response_format: 'srt',
  })
  assert.match(`${srt}`, /00:00:00,000 --> 00:00:03,000/)
  const verbose = await client.audio.transcriptions.create({
    model: 'whisper-1',
    file: await file(),
    response_format: 'verbose_json',
    timestamp_granularities: ['segment'],
  })
  assert.equal(verbose.segments?.length, 1)
  const stream = await client.audio.transcriptions.create({
    model: 'gpt-4o-transcribe',
    file: await file(),
    stream: true,
  })
  assert.equal((await Array.fromAsync(stream)).at(-1)?.type, 'transcript.text.done')
  assert.equal(
    (await client.audio.translations.create({ model: 'whisper-1', file: await file() })).text,
    CANONICAL,
  )
})

test('moderations, completions, models', async t => {
  const { client } = await open(t)
  const judged = await client.moderations.create({ input: ['fine', '[stage:flag]'] })
  assert.deepEqual(
    judged.results.map(result => result.flagged),
    [false, true],
  )
  const stream = await client.completions.create({
    model: 'gpt-3.5-turbo-instruct',
    prompt: 'Once',
    stream: true,
  })
  assert.equal((await Array.fromAsync(stream)).map(chunk => chunk.choices[0]?.text ?? '').join(''), CANONICAL)
  assert.ok((await client.models.list()).data.length > 10)
})

test('an error of the stage is the client’s own error class', async t => {
  const { stage, client } = await open(t)
  stage.script([{ kind: 'status', status: 429, headers: { 'retry-after': '1' } }])
  await assert.rejects(
    client.chat.completions.create({ model: 'gpt-4.1', messages: messages('x') }),
    OpenAI.RateLimitError,
  )
  const wrong = new OpenAI({ apiKey: 'sk-wrong', baseURL: stage.baseUrl, maxRetries: 0 })
  await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError)
})
