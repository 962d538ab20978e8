import type { Compacting } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { compactionObject, plainItem } from './compaction-answer.ts'
import { beginning, type EventMaker, ending, eventMaker, failing } from './compaction-events.ts'
import { conversationIn, isGiven } from './compaction-turns.ts'
import type { Asked, Door, NeutralEvent, NeutralRequest, Part, Stop, StreamWriter, Turn } from './neutral.ts'
import { responseObject, usageJson } from './responses-object.ts'
import type { StreamEvent, Usage } from './shape.ts'
import { LONGEST_SUMMARY, outputTokens, summaryOf, summaryRequest } from './summary.ts'

/**
 * The door through which a call for a compaction goes to a provider that has none of its own: read as the conversation
 * and a question for its summary, answered with an item that holds the summary.
 */

/** What it holds is no part of a summary, and steers none. */
const READ: ReadonlySet<string> = new Set(['model', 'input', 'instructions', 'stream'])
const readFor =
  (how: Compacting): Door['read'] =>
  (body, losses): NeutralRequest => {
    for (const [key, value] of Object.entries(body))
      if (!READ.has(key) && isGiven(value)) losses.warn(key, 'a summary has no use for it')
    const turns = conversationIn(body, losses)
    if (how.way === 'own') return ownRequest(turns, how)
    return summaryRequest(turns, how, how.wire === 'trigger' && body.stream === true, losses)
  }

/**
 * The provider's own compaction, which it makes of the conversation as it is. One document comes back, for a client that
 * wants a stream too.
 */
const ownRequest = (turns: readonly Turn[], room: Compacting): NeutralRequest => ({
  turns,
  maxTokens: outputTokens(room),
  stream: false,
  streamUsage: false,
  rest: { compaction: { type: 'summarize' } },
})

/** About so many bytes are one token, where the provider did not count. */
const BYTES_PER_TOKEN = 4

/** Clients count on numbers: what a provider did not count is estimated. */
const usageOf = (usage: Usage | undefined, summary: string, { request }: Asked): Usage =>
  usage ?? {
    inputTokens: Math.ceil(Buffer.byteLength(JSON.stringify(request.turns)) / BYTES_PER_TOKEN),
    outputTokens: Math.ceil(Buffer.byteLength(summary) / BYTES_PER_TOKEN),
  }

/** An error by which the loop goes on to somebody else. */
const noSummary = (because: string): JsonObject => ({
  message: because,
  type: 'server_error',
  param: null,
  code: 'empty_answer',
})

type Heard = { readonly parts: readonly Part[]; readonly stop: Stop; readonly usage: Usage | undefined }

type Made = { readonly item: JsonObject; readonly usage: Usage }

/** Throws FailedAnswer when there is no summary. */
const made = (heard: Heard, asked: Asked): Made => {
  const summary = summaryOf(heard)
  if (summary.kind === 'none') throw new FailedAnswer(noSummary(summary.because))
  return { item: plainItem(summary.text, asked), usage: usageOf(heard.usage, summary.text, asked) }
}

const responseWith = (asked: Asked, { item, usage }: Made): JsonObject =>
  responseObject(asked, { status: 'completed', output: [item], usage })

const answerFor =
  ({ wire }: Compacting): Door['answer'] =>
  (answer, asked) => {
    const done = made(answer, asked)
    return wire === 'trigger'
      ? responseWith(asked, done)
      : compactionObject(done.item, usageJson(done.usage), asked)
  }

/** Listens to a streamed summary, and says the item when it is whole: half a summary is none. */
class SummaryWriter implements StreamWriter {
  readonly #asked: Asked
  readonly #make: EventMaker = eventMaker()
  readonly #texts = new Map<number, string>()
  #length = 0
  #refused = false
  #stop: Stop = { kind: 'end' }
  #usage: Usage | undefined
  #begun = false
  #over = false

  constructor(asked: Asked) {
    this.#asked = asked
  }

  write(event: NeutralEvent): readonly StreamEvent[] {
    if (this.#over || event.kind === 'ping') return []
    const first = this.#begin()
    this.#hear(event)
    if (event.kind === 'end' || this.#length > LONGEST_SUMMARY) return [...first, ...this.#end()]
    return event.kind === 'error' ? [...first, this.#fail(event.error)] : first
  }

  #begin(): readonly StreamEvent[] {
    if (this.#begun) return []
    this.#begun = true
    return beginning(this.#make, responseObject(this.#asked, { status: 'in_progress', output: [] }))
  }

  #hear(event: NeutralEvent): void {
    if (event.kind === 'open' && event.of === 'text') this.#texts.set(event.part, '')
    else if (event.kind === 'open') this.#refused ||= event.of === 'refusal'
    else if (event.kind === 'delta') {
      const text = this.#texts.get(event.part)
      if (text !== undefined) this.#texts.set(event.part, text + event.text)
      this.#length += event.text.length
    } else if (event.kind === 'stop') this.#stop = event.stop
    else if (event.kind === 'usage') this.#usage = event.usage
  }

  #end(): readonly StreamEvent[] {
    const texts = [...this.#texts.values()].map((text): Part => ({ kind: 'text', text }))
    const parts: readonly Part[] = this.#refused ? [...texts, { kind: 'refusal', text: '' }] : texts
    this.#over = true
    try {
      const done = made({ parts, stop: this.#stop, usage: this.#usage }, this.#asked)
      return ending(this.#make, done.item, responseWith(this.#asked, done))
    } catch (error) {
      if (!(error instanceof FailedAnswer)) throw error
      return [this.#fail(error.error)]
    }
  }

  #fail(error: JsonObject): StreamEvent {
    this.#over = true
    return failing(this.#make, responseObject(this.#asked, { status: 'failed', output: [], error }))
  }
}

/** The door for a compaction that is made by a summary. */
export const compactionDoor = (how: Compacting): Door => ({
  dialect: 'responses',
  read: readFor(how),
  answer: answerFor(how),
  writer: asked => new SummaryWriter(asked),
})
