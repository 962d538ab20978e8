import type { Sight, StreamEvent, StreamRules, StreamState, Usage } from '../dialects/shape.ts'
import { isObject, type Json } from '../wire/json.ts'

/** What a stream has told of its usage when it tells it once more. */
export const usageAfter = ({ laterUsage }: StreamRules, before: Usage | undefined, now: Usage): Usage =>
  laterUsage?.(before, now) ?? now

/** What has been seen of a stream so far: enough to say how it may end. */
export class Progress {
  readonly rules: StreamRules
  usage: Usage | undefined
  content = false
  final = false
  terminal = false
  /** Something was said behind an end: of such an answer no reason says that it is all. */
  #wentOn = false
  readonly #choices: number
  readonly #finished = new Set<number>()
  #ended = 0
  #firstData: string | undefined
  #lastData: string | undefined

  /** `choices`: how many answers the request asked for; the stream is whole when each of them has ended. */
  constructor(rules: StreamRules, choices = 1) {
    this.rules = rules
    this.#choices = choices
  }

  note(event: StreamEvent): Sight {
    const sight = this.#counted(this.rules.sight(event))
    // An event that ends the answer as an error does not go to the client: the frame in its place takes its number.
    if (sight.kind === 'error') return sight
    if (event.data !== undefined) {
      this.#firstData ??= event.data
      this.#lastData = event.data
    }
    if (sight.usage !== undefined) this.usage = usageAfter(this.rules, this.usage, sight.usage)
    if (this.final && (sight.kind === 'content' || sight.speaks === true)) this.#wentOn = true
    if (sight.kind === 'content') {
      this.content = true
      // Of several choices one had finished: the answer goes on, and breaking off now would cut it.
      this.final = false
    }
    for (const choice of sight.finished ?? []) this.#finished.add(choice)
    if (sight.kind === 'final')
      this.final = sight.finished === undefined || this.#finished.size >= this.#choices
    if (sight.kind === 'terminal') this.terminal = true
    return sight
  }

  /** The end of one answer is the end of the stream when it is the last, or when no more are to come. */
  #counted(sight: Sight): Sight {
    if (sight.kind === 'error' || sight.ends === undefined) return sight
    if (sight.ends === 'each') this.#ended += 1
    const over = sight.ends === 'each' ? this.#ended >= this.#choices : this.final
    return over ? { ...sight, kind: 'terminal' } : sight
  }

  /**
   * The answer has said all it will, and only its terminator is missing, in a dialect that can do without. Some models give
   * a reason with every word: theirs have an end when their bytes have one in order.
   */
  get finished(): boolean {
    return this.final && this.rules.endsWithoutTerminal && !this.terminal && !this.#wentOn
  }

  /** The answer is whole although the upstream closed without (or before) its terminator. */
  get whole(): boolean {
    const { endIsEnd, neverEmpty, endsWithoutTerminal } = this.rules
    const ended = endIsEnd === true && (this.content || neverEmpty !== true)
    return this.terminal || ended || (this.final && (endsWithoutTerminal || this.#ended > 0))
  }

  /** Parsed only when a stream breaks: what the error frame must continue from. */
  get state(): StreamState {
    const first = parsed(this.#firstData)
    const last = parsed(this.#lastData)
    const sequence = isObject(last) && typeof last.sequence_number === 'number' ? last.sequence_number : -1
    const response = isObject(first) && isObject(first.response) ? first.response : undefined
    return { sequence, response }
  }
}

const parsed = (data: string | undefined): Json | undefined => {
  if (data === undefined) return undefined
  try {
    return JSON.parse(data) as Json
  } catch {
    return undefined
  }
}
