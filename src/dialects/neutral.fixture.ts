import type { JsonObject } from '../wire/json.ts'
import type { CallPart, NeutralAnswer, NeutralRequest, Part, ResultPart, Tool, Turn } from './neutral.ts'

/**
 * Requests and answers that every dialect is held against, by name. neutral-streams.fixture.ts makes events of the
 * answers, neutral-any.fixture.ts makes more of both by chance.
 */

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='
const PDF = 'JVBERi0xLjQKJSVFT0YK'

export const turn = (role: Turn['role'], ...parts: readonly (Part | string)[]): Turn => ({
  role,
  parts: parts.map(part => (typeof part === 'string' ? { kind: 'text', text: part } : part)),
})

export const call = (id: string, name: string, input = '{"at":"left"}'): CallPart => ({
  kind: 'call',
  id,
  name,
  input,
})

export const result = (
  id: string,
  name: string,
  text: string,
  more: Partial<ResultPart> = {},
): ResultPart => ({
  kind: 'result',
  id,
  name,
  content: text === '' ? [] : [{ kind: 'text', text }],
  ...more,
})

export const request = (turns: readonly Turn[], more: Partial<NeutralRequest> = {}): NeutralRequest => ({
  turns,
  stream: false,
  streamUsage: false,
  rest: {},
  ...more,
})

export const SCHEMA: JsonObject = {
  type: 'object',
  properties: { at: { type: 'string' } },
  required: ['at'],
  additionalProperties: false,
}
export const LOOK: Tool = { name: 'look', description: 'Looks somewhere.', schema: SCHEMA }
export const WAIT: Tool = { name: 'wait', schema: { type: 'object', properties: {} } }
/** Takes free text. */
export const PATCH: Tool = { name: 'apply_patch', description: 'Applies a patch.' }

const HELLO = turn('user', 'Who is there?')

/** 64 characters: the longest id that OpenAI's Responses give and take. */
export const LONG_ID = `call_${'0123456789abcdef'.repeat(4)}`.slice(0, 64)

/** Half of a surrogate pair: JSON holds it as an escape, UTF-8 does not hold it at all. */
export const LONE = '\ud83c'

export const REQUESTS: Readonly<Record<string, NeutralRequest>> = {
  'a plain question': request([HELLO]),
  'a system prompt and a conversation': request([
    turn('system', 'Be brief.'),
    HELLO,
    turn('assistant', 'Bernardo.'),
    turn('user', 'He.'),
  ]),
  'a late system turn': request([
    HELLO,
    turn('assistant', 'Bernardo.'),
    turn('system', 'Stop.'),
    turn('user', 'So?'),
  ]),
  'several texts in one turn': request([turn('system', 'One.', 'Two.'), turn('user', 'Three.', 'Four.')]),
  'unicode and lone surrogates': request([turn('user', `né 🎭 \u2028 \u0000 ${LONE}`)]),
  sampling: request([HELLO], { maxTokens: 4000, temperature: 0.5, topP: 0.25, stop: ['END', '##'] }),
  'every number': request([HELLO], {
    topK: 40,
    seed: 7,
    presencePenalty: 0.5,
    frequencyPenalty: -0.5,
    logitBias: { '50256': -100 },
    logprobs: 2,
  }),
  'who asks': request([HELLO], {
    metadata: { team: 'stage' },
    user: 'user-1',
    serviceTier: 'priority',
    cacheKey: 'cache-1',
    verbosity: 'low',
  }),
  'a stream with usage': request([HELLO], { stream: true, streamUsage: true }),
  images: request([
    turn(
      'user',
      'See.',
      { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: PIXEL }, detail: 'low' },
      { kind: 'image', source: { kind: 'url', url: 'https://stage.example/a.png' } },
    ),
  ]),
  'a file': request([
    turn('user', 'Read.', {
      kind: 'file',
      source: { kind: 'bytes', mime: 'application/pdf', base64: PDF },
      name: 'play.pdf',
    }),
  ]),
  audio: request([turn('user', 'Hear.', { kind: 'audio', mime: 'audio/wav', base64: 'UklGRg==' })]),
  'cache marks': request([
    turn('system', { kind: 'text', text: 'A long part.', cache: {} }),
    turn('user', { kind: 'text', text: 'A long question.', cache: { ttl: '1h' } }),
  ]),
  'tools to choose from': request([HELLO], { tools: [LOOK, WAIT], toolChoice: { kind: 'auto' } }),
  'a forced tool': request([HELLO], { tools: [LOOK, WAIT], toolChoice: { kind: 'tool', name: 'look' } }),
  'any tool, one at a time': request([HELLO], {
    tools: [LOOK],
    toolChoice: { kind: 'required' },
    parallelCalls: false,
  }),
  'some of the tools': request([HELLO], {
    tools: [LOOK, WAIT],
    toolChoice: { kind: 'allowed', names: ['look'], required: true },
  }),
  'a strict tool': request([HELLO], { tools: [{ ...LOOK, strict: true }] }),
  'a custom tool and its round trip': request(
    [
      HELLO,
      turn('assistant', { ...call('call_1', 'apply_patch', '*** "Begin"\n'), custom: true }),
      turn('user', result('call_1', 'apply_patch', 'done', { custom: true })),
    ],
    { tools: [PATCH] },
  ),
  'parallel calls with their results': request(
    [
      HELLO,
      turn('assistant', 'I look.', call('call_1', 'look'), call('call_2', 'wait', '{}')),
      turn('user', result('call_1', 'look', 'a tree'), result('call_2', 'wait', 'a wall'), 'And now?'),
    ],
    { tools: [LOOK, WAIT] },
  ),
  'each call and each result a turn of its own': request(
    [
      HELLO,
      turn('assistant', call('call_1', 'look')),
      turn('assistant', call('call_2', 'wait', '{}')),
      turn('user', result('call_1', 'look', 'a tree')),
      turn('user', result('call_2', 'wait', 'a wall')),
    ],
    { tools: [LOOK, WAIT] },
  ),
  'a tool that failed': request(
    [
      HELLO,
      turn('assistant', call('call_1', 'look')),
      turn('user', result('call_1', 'look', 'no light', { failed: true })),
    ],
    { tools: [LOOK] },
  ),
  'a tool that answers with a picture': request(
    [
      HELLO,
      turn('assistant', call('call_1', 'look')),
      turn('user', {
        ...result('call_1', 'look', 'this'),
        content: [
          { kind: 'text', text: 'this' },
          { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: PIXEL } },
        ],
      }),
    ],
    { tools: [LOOK] },
  ),
  'a tool that says nothing': request(
    [HELLO, turn('assistant', call('call_1', 'wait', '')), turn('user', result('call_1', 'wait', ''))],
    { tools: [WAIT] },
  ),
  'calls in the history and no tools': request([
    HELLO,
    turn('assistant', call('call_1', 'look')),
    turn('user', result('call_1', 'look', 'a tree')),
  ]),
  'arguments that are no JSON': request(
    [
      HELLO,
      turn('assistant', call('call_1', 'look', '{"at":"le')),
      turn('user', result('call_1', 'look', 'what?')),
    ],
    { tools: [LOOK] },
  ),
  'arguments with odd characters': request(
    [
      HELLO,
      turn('assistant', call('call_1', 'look', `{"at":"é🎭 \\ud83c ${LONE}\\u0000", "n": 1.0}`)),
      turn('user', result('call_1', 'look', `🎭${LONE}`)),
    ],
    { tools: [LOOK] },
  ),
  'the longest id': request(
    [HELLO, turn('assistant', call(LONG_ID, 'look')), turn('user', result(LONG_ID, 'look', 'a tree'))],
    { tools: [LOOK] },
  ),
  'an answer as a schema': request([HELLO], {
    format: { kind: 'schema', name: 'place', schema: SCHEMA, strict: true, description: 'Where.' },
  }),
  'an answer as JSON': request([HELLO], { format: { kind: 'json' } }),
  effort: request([HELLO], { effort: 'low' }),
  'thinking counted out': request([HELLO], { thinkingTokens: 2048, maxTokens: 8000 }),
  'sealed thoughts in the history': request(
    [
      HELLO,
      turn(
        'assistant',
        { kind: 'reasoning', text: 'hm', sealed: { issuer: 'messages', payload: 'c2ln' } },
        { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
        'I look.',
        call('call_1', 'look'),
      ),
      turn('user', result('call_1', 'look', 'a tree')),
    ],
    { tools: [LOOK] },
  ),
  'thoughts of every issuer': request([
    HELLO,
    turn(
      'assistant',
      ...(['responses', 'messages', 'gemini', 'converse'] as const).map(
        (issuer): Part => ({
          kind: 'reasoning',
          text: `${issuer} thinks`,
          sealed: { issuer, payload: `${issuer}-1` },
        }),
      ),
      { kind: 'reasoning', text: 'nobody seals this' },
      'So.',
    ),
    turn('user', 'And?'),
  ]),
  'a refusal in the history': request([
    HELLO,
    turn('assistant', { kind: 'refusal', text: 'No.' }),
    turn('user', 'Why?'),
  ]),
  'a summary in the history': request([
    turn('user', { kind: 'summary', text: 'They met at midnight.' }),
    turn('user', 'And then?'),
  ]),
}

const answer = (parts: readonly Part[], more: Partial<NeutralAnswer> = {}): NeutralAnswer => ({
  id: 'answer-1',
  model: 'upstream-1',
  parts,
  stop: { kind: 'end' },
  usage: { inputTokens: 12, outputTokens: 5 },
  ...more,
})

const text = (value: string): Part => ({ kind: 'text', text: value })
const CITED: JsonObject = {
  type: 'url_citation',
  url: 'https://stage.example/hamlet',
  title: 'Hamlet',
  start_index: 0,
  end_index: 4,
}

export const ANSWERS: Readonly<Record<string, NeutralAnswer>> = {
  words: answer([text('Good evening from the stage.')]),
  'unicode and lone surrogates': answer([text(`né 🎭 \u2028 \u0000 ${LONE}.`)]),
  'without id, model or count': answer([text('Yes.')], { id: undefined, model: undefined, usage: undefined }),
  'every count': answer([text('Yes.')], {
    usage: {
      inputTokens: 100,
      outputTokens: 50,
      cachedInputTokens: 60,
      cacheWriteTokens: 20,
      reasoningTokens: 30,
    },
  }),
  'nothing at all': answer([]),
  'an empty text': answer([text('')]),
  'one call': answer([call('call_1', 'look')], { stop: { kind: 'calls' } }),
  'a call without arguments': answer([call('call_1', 'wait', '{}')], { stop: { kind: 'calls' } }),
  'words, then parallel calls': answer(
    [text('I look.'), call('call_1', 'look'), call('call_2', 'wait', '{}')],
    {
      stop: { kind: 'calls' },
    },
  ),
  'arguments with odd characters': answer([call(LONG_ID, 'look', `{"at":"é🎭 \\ud83c${LONE}", "n": 1.0}`)], {
    stop: { kind: 'calls' },
  }),
  'arguments that are no JSON': answer([call('call_1', 'look', '{"at":"le')], { stop: { kind: 'calls' } }),
  'a custom call': answer([{ ...call('call_1', 'apply_patch', '*** "Begin"\n'), custom: true }], {
    stop: { kind: 'calls' },
  }),
  'sealed thoughts, words, calls': answer(
    [
      { kind: 'reasoning', text: 'thinking it over', sealed: { issuer: 'messages', payload: 'c2ln' } },
      text('So.'),
      call('call_1', 'look'),
    ],
    { stop: { kind: 'calls' }, usage: { inputTokens: 12, outputTokens: 9, reasoningTokens: 4 } },
  ),
  'thoughts that may not be read': answer([
    { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
    text('So.'),
  ]),
  'thoughts without a seal': answer([{ kind: 'reasoning', text: 'hm' }, text('So.')]),
  'a call that carries a seal': answer(
    [{ ...call('call_1', 'look'), sealed: { issuer: 'gemini', payload: 'dGhvdWdodA==' } }],
    { stop: { kind: 'calls' } },
  ),
  'a refusal': answer([{ kind: 'refusal', text: 'I will not.' }], { stop: { kind: 'refusal' } }),
  'cut by the limit': answer([text('Good eve')], { stop: { kind: 'length' } }),
  'cut by the window': answer([text('Good eve')], { stop: { kind: 'context' } }),
  'cut by a filter': answer([text('Good')], { stop: { kind: 'filter' } }),
  'ended by a stop sequence': answer([text('Good')], { stop: { kind: 'sequence', sequence: 'END' } }),
  citations: answer([{ kind: 'text', text: 'Good evening.', annotations: [CITED] }]),
  'probabilities of each token': answer([text('Yes.')], {
    logprobs: [{ token: 'Yes.', logprob: -0.25, bytes: [89, 101, 115, 46], top_logprobs: [] }],
  }),
}
