import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { after, beforeEach, describe, test } from 'node:test'
import type { FailureClass } from '../src/failure.ts'
import type { RequestRecord, Step } from '../src/record/trail.ts'
import { eventFrame } from '../src/stage/bedrock-answer.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { endingOf } from './support/answers.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { inside } from './support/inside.ts'

/**
 * Every way in which a stream of Bedrock's fails, through both of its APIs and at the three doors that stream text:
 * unseen before the first word, gone on with or told after it.
 */

/** A frame as the service sends it, made by nobody's codec but the fixture's, and what it means. */
type FailureFrame = {
  readonly name: string
  /** The whole frame in base64, checksums included. */
  readonly frame: string
  readonly class: FailureClass
  readonly status: number
  /** Words of the service that the client is told. */
  readonly says: string
}

/** What follows the frames that are in order; `cut`: the connection breaks then, without the end that HTTP asks for. */
type Fault = {
  readonly name: string
  readonly bytes: Uint8Array
  readonly cut?: boolean
  readonly class: FailureClass
  readonly says: string
}

const FRAMES: readonly FailureFrame[] = JSON.parse(
  readFileSync(new URL('fixtures/providers/bedrock/frames/failures.json', import.meta.url), 'utf8'),
)

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  const place = at < 0 ? copy.length + at : at
  copy[place] = (copy[place] ?? 0) ^ 1
  return copy
}

const first = Buffer.from(FRAMES[0]?.frame ?? '', 'base64')

const FAULTS: readonly Fault[] = [
  ...FRAMES.map(({ frame, ...row }) => ({ ...row, bytes: Buffer.from(frame, 'base64') })),
  // Total length, header length and their checksum are twelve bytes; the last four are the checksum of the whole.
  ...(
    [
      ['a length with a wrong bit', flipped(first, 3)],
      ['a prelude checksum with a wrong bit', flipped(first, 8)],
      ['a header with a wrong bit', flipped(first, 20)],
      ['a payload with a wrong bit', flipped(first, -6)],
      ['a checksum with a wrong bit', flipped(first, -1)],
    ] as const
  ).map(([name, bytes]) => ({ name, bytes, class: 'transient' as const, says: 'cannot be read' })),
  ...[4, 12, first.length - 1].flatMap(length => [
    {
      name: `a connection cut ${length} bytes into a frame`,
      bytes: first.subarray(0, length),
      cut: true,
      class: 'transport' as const,
      says: '',
    },
    {
      name: `a stream that ends ${length} bytes into a frame`,
      bytes: first.subarray(0, length),
      class: 'transport' as const,
      says: '',
    },
  ]),
]

const WORDS = ['The under', 'study']

const chunk = (event: JsonObject): Uint8Array =>
  eventFrame('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64'), p: 'abc' })

/** The beginning of an answer, by the last piece of the path: before any word, and the words. */
const BEGINNINGS: Readonly<
  Record<string, readonly [quiet: readonly Uint8Array[], words: readonly Uint8Array[]]>
> = {
  'converse-stream': [
    [eventFrame('messageStart', { role: 'assistant', p: 'abcd' })],
    WORDS.map(text => eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text }, p: 'ab' })),
  ],
  'invoke-with-response-stream': [
    [
      chunk({
        type: 'message_start',
        message: {
          id: 'msg_bdrk_01',
          type: 'message',
          role: 'assistant',
          model: 'claude-sonnet-4-5-20250929',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 12, output_tokens: 1 },
        },
      }),
      chunk({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ],
    WORDS.map(text => chunk({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
  ],
}

type Cue = { readonly fault: Fault; readonly spoken: boolean }

/** Bedrock's streams, byte for byte. */
const startStreams = async () => {
  let cue: Cue | undefined
  const give = (response: ServerResponse, verb: string): void => {
    const [quiet, words] = BEGINNINGS[verb] ?? [[], []]
    assert.ok(cue)
    const { fault, spoken } = cue
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
    const bytes = Buffer.concat([...quiet, ...(spoken ? words : []), fault.bytes])
    response.write(bytes, () => (fault.cut === true ? response.socket?.destroy() : response.end()))
  }
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    give(response, request.url?.split('/').at(-1) ?? '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(async () => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    origin: `http://127.0.0.1:${address.port}`,
    next: (fault: Fault, spoken: boolean) => {
      cue = { fault, spoken }
    },
  }
}

const CLAUDE = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const APIS = ['converse', 'invoke'] as const
const bedrock = await startStreams()
const watching = inside()

const onBedrock = (group: string, api: string): JsonObject => ({
  model_name: group,
  litellm_params: {
    model: `bedrock/${api}/${CLAUDE}`,
    aws_bedrock_runtime_endpoint: bedrock.origin,
    aws_region_name: 'us-east-1',
    api_key: 'bedrock-key',
  },
})

const house = await play(
  { after },
  {
    stages: { backup: { models: ['*'], prefill: 'continue' } },
    start: watching.start,
    config: ({ backup }) => ({
      model_list: [
        ...APIS.flatMap(api => [onBedrock(api, api), onBedrock(`${api}-alone`, api)]),
        { ...deployment('understudy', backup, 'gpt-4.1'), model_info: { supports_assistant_prefill: true } },
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: APIS.map(api => ({ [api]: ['understudy'] })),
        context_window_fallbacks: APIS.map(api => ({ [api]: ['understudy'] })),
      },
    }),
  },
)
beforeEach(() => house.stages.backup.clear())

const LINE = 'What is your line?'
const turns = { messages: [{ role: 'user', content: LINE }] }

type Door = {
  readonly path: string
  readonly body: JsonObject
  /** The words of one event. */
  readonly text: (event: JsonObject) => unknown
  readonly resumed: NonNullable<Step['resumed']>
}

const DOORS: readonly Door[] = [
  {
    path: '/v1/chat/completions',
    body: turns,
    text: ({ choices }) => (choices as { delta?: { content?: string } }[] | undefined)?.[0]?.delta?.content,
    resumed: 'continuation',
  },
  {
    path: '/v1/responses',
    body: { input: LINE, store: false },
    text: ({ type, delta }) => (type === 'response.output_text.delta' ? delta : undefined),
    // Nobody can be given the beginning of a response.
    resumed: 'splice',
  },
  {
    path: '/v1/messages',
    body: { ...turns, max_tokens: 64 },
    text: ({ delta }) => (delta as { text?: string } | undefined)?.text,
    resumed: 'continuation',
  },
]

const heard = ({ text }: Reply, door: Door): string =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => door.text(JSON.parse(data)) ?? '').join('')

let calls = 0
const stream = async (door: Door, model: string): Promise<readonly [Reply, RequestRecord]> => {
  const reply = await house.ask(door.path, { ...door.body, model, stream: true })
  calls += 1
  const record = (await watching.recorded(calls)).at(-1)
  assert.ok(record)
  return [reply, record]
}

/** Failures that another provider could not help with end a stream that has begun. */
const goesOn = ({ class: kind }: Fault): boolean => kind !== 'caller_fault' && kind !== 'context_window'

for (const api of APIS)
  for (const door of DOORS)
    describe(`${api} at ${door.path}`, () => {
      for (const fault of FAULTS) {
        test(`${fault.name} before the first word leads to the fallback by its class`, async () => {
          bedrock.next(fault, false)
          const [reply, record] = await stream(door, api)
          assert.deepEqual(
            record.steps.map(({ outcome }) => outcome),
            [fault.class, 'answered'],
          )
          assert.equal(reply.status, 200, reply.text)
          assert.equal(reply.headers['x-litellm-model-group'], 'understudy')
          assert.equal(heard(reply, door), CANONICAL)
          const { successes, errors } = endingOf(reply.text)
          assert.deepEqual([successes, errors], [1, 0])
        })

        test(`${fault.name} after it is ${goesOn(fault) ? 'gone on with' : 'told'}, and told where nobody else is`, async () => {
          bedrock.next(fault, true)
          const [alone, told] = await stream(door, `${api}-alone`)
          assert.equal(heard(alone, door), WORDS.join(''))
          const { starts, successes, errors, stops } = endingOf(alone.text)
          assert.deepEqual([starts, successes, errors, stops], [1, 0, 1, 0], alone.text)
          assert.ok(alone.text.includes(fault.says), alone.text)
          assert.equal(told.end, 'upstream_broke')
          assert.equal(told.steps[0]?.outcome, fault.class)

          bedrock.next(fault, true)
          const [reply, record] = await stream(door, api)
          const ending = endingOf(reply.text)
          assert.equal(record.steps[0]?.outcome, fault.class)
          if (!goesOn(fault)) return assert.deepEqual([ending.successes, ending.errors], [0, 1], reply.text)
          assert.equal(heard(reply, door), CANONICAL)
          assert.deepEqual([ending.starts, ending.successes, ending.errors], [1, 1, 0], reply.text)
          assert.equal(record.steps[1]?.resumed, door.resumed)
        })
      }
    })
