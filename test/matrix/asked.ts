import type { Heard } from '../support/heard.ts'
import { holdsCall } from './openings.ts'
import type { Form, Row } from './rows.ts'
import type { Script } from './script.ts'
import type { Request } from './seen.ts'
import type { Player } from './targets.ts'

/** How a provider is asked for what a client wants of somebody else: read off the wire, for nobody writes it down. */

const FORMS: readonly (readonly [path: RegExp, form: Form])[] = [
  [/\/chat\/completions(?:\?|$)/, 'chat'],
  [/\/v2\/chat$/, 'cohere'],
  [/\/responses\/compact(?:\?|$)/, 'compaction'],
  [/\/responses\/input_tokens(?:\?|$)/, 'response_tokens'],
  [/\/responses(?:\?|$)/, 'responses'],
  [/\/messages\/count_tokens(?:\?|$)/, 'message_tokens'],
  [/\/messages(?:\?|$)|:(?:streamR|r)awPredict$/, 'messages'],
  [/:(?:streamG|g)enerateContent(?:\?|$)/, 'gemini'],
  [/:countTokens(?:\?|$)/, 'gemini_tokens'],
  [/:(?:batchEmbedContents|embedContent)(?:\?|$)/, 'gemini_vectors'],
  [/\/converse(?:-stream)?$/, 'converse'],
  [/\/invoke$/, 'messages'],
  [/\/invoke-with-response-stream$/, 'invoke'],
  [/\/count-tokens$/, 'message_tokens'],
]

/** Throws Error for a path that belongs to no dialect. */
const formOf = (path: string): Form => {
  const [, form] = FORMS.find(([pattern]) => pattern.test(path)) ?? []
  if (form === undefined) throw new Error(`nobody knows what is asked at ${path}`)
  return form
}

const EVENTS = /event-?stream/

type Answered = {
  readonly request: Request | undefined
  readonly healthy: Script | undefined
  readonly heard: Heard | undefined
}

/** A summary that stands for a compaction reaches the client when it is whole; so does every document. */
const isHeld = ({ kind }: Row, heard: Heard | undefined): boolean => {
  const how = heard?.headers['x-understudy-compaction'] ?? 'native;'
  return kind === 'document' || !how.startsWith('native;')
}

/** The row as its provider sees it. Only a crossing leads to somebody who sees another one. */
export const asAsked = (row: Row, { kind }: Player, { request, healthy, heard }: Answered): Row => {
  if (row.pair === undefined || request === undefined) return row
  const type = typeof healthy?.head === 'object' ? (healthy.head.headers['content-type'] ?? '') : ''
  const streams = EVENTS.test(type)
  const form = formOf(request.path)
  const isWithheld = isHeld(row, heard) || (streams && holdsCall(row, form, healthy))
  return {
    ...row,
    form,
    flavour: kind.speaks,
    stream: streams,
    kind: streams ? 'events' : 'document',
    ...(isWithheld ? { held: true } : {}),
  }
}
