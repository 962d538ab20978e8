import type { JsonObject } from '../../src/wire/json.ts'
import type { SeenEvent } from './sse.ts'
import { STREAM_KINDS, type StreamKind } from './stream-kinds.ts'

/** An endpoint whose broken streams can be gone on with. */
export type ResumeKind = StreamKind & {
  /** What the client reads in all events together. */
  readonly text: (events: readonly SeenEvent[]) => string
  /** Every name that the stream goes by: of the answer, and of what is in it. */
  readonly ids: (events: readonly SeenEvent[]) => readonly unknown[]
  /** Input and output tokens as the stream tells them. */
  readonly usage: (events: readonly SeenEvent[]) => readonly [unknown, unknown]
}

const objectsIn = (events: readonly SeenEvent[]): readonly JsonObject[] =>
  events.flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data) as JsonObject] : []))

type Choice = { readonly delta?: { readonly content?: string }; readonly text?: string }

const choices = (events: readonly SeenEvent[]): readonly Choice[] =>
  objectsIn(events).flatMap(chunk => (chunk.choices ?? []) as readonly Choice[])

const usageIn = (usage: unknown, input: string, output: string): readonly [unknown, unknown] => {
  const counts = (usage ?? {}) as JsonObject
  return [counts[input], counts[output]]
}

const lastWith = (events: readonly SeenEvent[], key: string): JsonObject =>
  objectsIn(events).findLast(one => one[key] !== undefined && one[key] !== null) ?? {}

const more: Readonly<Record<string, Pick<ResumeKind, 'text' | 'ids' | 'usage'>>> = {
  chat: {
    text: events =>
      choices(events)
        .map(choice => choice.delta?.content ?? '')
        .join(''),
    ids: events =>
      objectsIn(events).flatMap(({ id, created }) => (id === undefined ? [] : [`${id} ${created}`])),
    usage: events => usageIn(lastWith(events, 'usage').usage, 'prompt_tokens', 'completion_tokens'),
  },
  completions: {
    text: events =>
      choices(events)
        .map(choice => choice.text ?? '')
        .join(''),
    ids: events =>
      objectsIn(events).flatMap(({ id, created }) => (id === undefined ? [] : [`${id} ${created}`])),
    usage: events => usageIn(lastWith(events, 'usage').usage, 'prompt_tokens', 'completion_tokens'),
  },
  responses: {
    text: events =>
      objectsIn(events)
        .map(({ delta }) => delta ?? '')
        .join(''),
    ids: events =>
      objectsIn(events).flatMap(({ response }) =>
        response === undefined ? [] : [(response as JsonObject).id],
      ),
    usage: events =>
      usageIn((lastWith(events, 'response').response as JsonObject).usage, 'input_tokens', 'output_tokens'),
  },
  transcription: {
    text: events =>
      objectsIn(events)
        .map(({ delta }) => delta ?? '')
        .join(''),
    ids: () => [],
    usage: events => usageIn(lastWith(events, 'usage').usage, 'input_tokens', 'output_tokens'),
  },
}

/** A stored response is its owner's: only one that is not stored can be gone on with elsewhere. */
const unstored = (kind: StreamKind): StreamKind =>
  kind.name !== 'responses'
    ? kind
    : {
        ...kind,
        request: group => {
          const request = kind.request(group)
          return { ...request, body: { ...(request.body as JsonObject), store: false } }
        },
      }

export const RESUME_KINDS: readonly ResumeKind[] = STREAM_KINDS.flatMap(kind => {
  const own = more[kind.name]
  return own === undefined ? [] : [{ ...unstored(kind), ...own }]
})
