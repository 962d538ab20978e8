import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** Names and what they stand for; tags; endpoints that a deployment does not serve; vectors that must not mix. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const errorOf = (reply: Reply): JsonObject => reply.json().error as JsonObject
const keyed = (...more: readonly (readonly [string, string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})
const tagged = (stage: Stage) => [
  deployment('star', stage, 'free', { tags: ['free'] }),
  deployment('star', stage, 'paid', { tags: ['paid', 'fast'] }),
  deployment('star', stage, 'agent', { tags: ['agent'], tag_regex: ['^User-Agent: claude-code/'] }),
  deployment('star', stage, 'usual', { tags: ['default'] }),
]

test('tags decide, however they are sent, and nothing of them goes upstream', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: tagged(stage),
      router_settings: { enable_tag_filtering: true, num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const served = async (body: JsonObject, headers: readonly (readonly [string, string])[] = []) => {
    const seen = new Set<Json>()
    for (let round = 0; round < 6; round += 1) {
      stage.clear()
      const reply = await theatre.ask(CHAT, chat('star', body), keyed(...headers))
      assert.equal(reply.status, 200, reply.text)
      const [hit] = stage.requests
      assert.ok(hit !== undefined && !hit.text.includes('"tags"'))
      seen.add(asked(stage)[0] ?? null)
    }
    return [...seen].map(String).toSorted()
  }
  for (const tags of [['paid'], ['fast', 'unheard-of']]) {
    assert.deepEqual(await served({ tags }), ['paid'])
    assert.deepEqual(await served({ metadata: { tags } }), ['paid'])
    assert.deepEqual(await served({ litellm_metadata: { tags } }), ['paid'])
    assert.deepEqual(await served({}, [['x-litellm-tags', tags.join(', ')]]), ['paid'])
  }
  assert.deepEqual(await served({ metadata: { tags: ['paid'], scene: 'one' } }), ['paid'])
  assert.deepEqual(await served({ tags: ['free', 'paid'] }), ['free', 'paid'])
  assert.deepEqual(await served({}), ['usual'])
  assert.deepEqual(await served({ tags: ['&fast'] }), ['paid'])
  assert.deepEqual(await served({ tags: ['free', 'paid', '!fast'] }), ['free'])
  assert.deepEqual(await served({ tags: ['unheard-of'] }), ['usual'])
  assert.deepEqual(await served({}, [['user-agent', 'claude-code/2.1']]), ['agent'])
  const reply = await theatre.ask(
    '/v1/responses',
    response('star', { metadata: { tags: ['free'], act: '1' } }),
  )
  assert.equal(reply.status, 200)
  assert.deepEqual(stage.requests.at(-1)?.json, response('free', { metadata: { act: '1' } }))
})

test('no deployment for the tags: 401 in the words of LiteLLM, on every endpoint', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: tagged(stage).slice(0, 2),
      router_settings: { enable_tag_filtering: true, tag_filtering_match_any: false, num_retries: 2 },
    }),
  })
  const { stage } = theatre.stages
  const tags = ['free', 'fast']
  for (const [path, body] of [
    [CHAT, chat('star', { tags })],
    [CHAT, chat('star', { tags, stream: true })],
    ['/v1/responses', response('star', { litellm_metadata: { tags } })],
    ['/v1/embeddings', { model: 'star', input: 'x', tags }],
  ] as const) {
    const reply = await theatre.ask(path, body)
    assert.equal(reply.status, 401)
    assert.match(
      String(errorOf(reply).message),
      /^Not allowed to access model due to tags configuration\. Passed model=star and tags=\['free', 'fast'\]/,
    )
    assert.equal(errorOf(reply).code, '401')
  }
  assert.equal(stage.requests.length, 0)
  assert.equal((await theatre.ask(CHAT, chat('star', { tags: ['paid', 'fast'] }))).status, 200)
})

test("metadata that is the client's own goes upstream as it was written", async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({ model_list: [deployment('star', stage, 'm')] }),
  })
  const { stage } = theatre.stages
  const text = (model: string) =>
    `{"model":"${model}","messages":[{"role":"user","content":"x"}], "metadata": { "tags":"mine" , "k":"v"}}`
  const reply = await theatre.ask(CHAT, text('star'), keyed(['content-type', 'application/json']))
  assert.equal(reply.status, 200)
  assert.equal(stage.requests[0]?.text, text('m'))
})

test('a name is an id, an alias, a group, a wildcard, or the exact model of a deployment', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        { ...deployment('star', stage, 'm1'), model_info: { id: 'id-1' } },
        { ...deployment('star', stage, 'm2'), model_info: { id: 'id-2' } },
        deployment('openai/*', stage, '*'),
        deployment('team-*-fast', stage, 'gpt-*'),
        deployment('fixed/*', stage, 'one-model'),
        { ...deployment('hidden', stage, 'm9'), model_info: { blocked: true } },
      ],
      router_settings: { model_group_alias: { nick: 'star', long: { model: 'openai/x', hidden: true } } },
    }),
  })
  const { stage } = theatre.stages
  const upstream = async (model: string): Promise<Json> => {
    stage.clear()
    const reply = await theatre.ask(CHAT, chat(model))
    assert.equal(reply.status, 200, `${model}: ${reply.text}`)
    assert.equal(reply.json().model, model, 'the answer names what was asked for')
    return asked(stage)[0] ?? null
  }
  for (let round = 0; round < 4; round += 1) {
    assert.equal(await upstream('id-1'), 'm1')
    assert.equal(await upstream('id-2'), 'm2')
  }
  assert.match(String(await upstream('nick')), /^m[12]$/)
  assert.equal(await upstream('long'), 'x')
  assert.equal(await upstream('openai/some/deep:name'), 'some/deep:name')
  assert.equal(await upstream('team-4.1-fast'), 'gpt-4.1')
  assert.equal(await upstream('fixed/whatever'), 'one-model')
  const blocked = await theatre.ask(CHAT, chat('hidden'))
  assert.equal(blocked.status, 400)
  assert.equal((await theatre.ask(CHAT, chat('stars'))).status, 400)
})

const form = (model: string) => {
  const boundary = 'seam'
  const part = (name: string, more: string, text: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${text}\r\n`
  return {
    method: 'POST',
    body: `${part('model', '', model)}${part('file', '; filename="a.wav"', 'RIFF')}--${boundary}--\r\n`,
    ...keyed(['content-type', `multipart/form-data; boundary=${boundary}`]),
  }
}

test('M-023 a deployment whose mode is another is neither a sibling nor a fallback of an endpoint', async t => {
  const mode = (group: string, stage: Stage, model: string, info: string) => ({
    ...deployment(group, stage, model),
    model_info: { mode: info },
  })
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        mode('ears', stage, 'whisper-1', 'audio_transcription'),
        mode('ears', stage, 'talker', 'chat'),
        mode('words', stage, 'chatter', 'chat'),
        mode('spare', stage, 'gpt-4o-transcribe', 'audio_transcription'),
      ],
      router_settings: { num_retries: 3, default_fallbacks: ['words', 'spare'], disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'whisper-1', 401)
  const reply = await theatre.ask('/v1/audio/transcriptions', undefined, form('ears'))
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1', 'who cannot serve was not tried')
  assert.deepEqual(
    stage.requests.map(hit => /name="model"\r\n\r\n([^\r]*)/.exec(hit.text)?.[1]),
    ['whisper-1', 'gpt-4o-transcribe'],
  )
  stage.clear()
  const wrong = await theatre.ask(CHAT, chat('spare', { disable_fallbacks: true }))
  assert.equal(wrong.status, 400)
  assert.match(String(errorOf(wrong).message), /There are no healthy deployments for this model/)
  assert.equal(stage.requests.length, 0)
})

test('M-020 an embeddings fallback is followed only to the same model', async t => {
  const vectors = (group: string, stage: Stage, model: string, info: JsonObject = {}) => ({
    ...deployment(group, stage, model),
    model_info: { mode: 'embedding', ...info },
  })
  const theatre = await play(t, {
    stages: { ...stages, azure: { flavour: 'azure', models: ['*'] } },
    start: steady().start,
    config: ({ stage, azure }) => ({
      model_list: [
        vectors('lead', stage, 'text-embedding-3-small'),
        vectors('other', stage, 'text-embedding-3-large'),
        vectors('same', azure, 'prod-vectors', { base_model: 'text-embedding-3-small' }),
        vectors('short', stage, 'text-embedding-3-small', { dimensions: 256 }),
        vectors('wide', stage, 'text-embedding-3-small', { dimensions: 1536 }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ lead: ['other', 'same'] }, { other: ['lead', 'same'] }, { wide: ['short'] }],
      },
    }),
  })
  const { stage, azure } = theatre.stages
  const embed = (model: string, more: JsonObject = {}) =>
    theatre.ask('/v1/embeddings', { model, input: 'x', ...more })
  failing(stage, 'text-embedding-3-small', 503)
  const served = await embed('lead')
  assert.equal(served.status, 200)
  assert.deepEqual([asked(stage), asked(azure)], [['text-embedding-3-small'], ['prod-vectors']])
  assert.equal(served.json().model, 'same')
  stage.clear()
  failing(stage, 'text-embedding-3-large', 503)
  const refused = await embed('other')
  assert.equal(refused.status, 503)
  assert.deepEqual([asked(stage), asked(azure)], [['text-embedding-3-large'], ['prod-vectors']])
  stage.clear()
  failing(stage, 'text-embedding-3-small', 503)
  assert.equal((await embed('wide')).status, 503)
  assert.deepEqual(asked(stage), ['text-embedding-3-small'])
})
