import { isObject, type Json, type JsonObject } from '../../wire/json.ts'

/** Steps of a strict reading that rows put together: each returns what is wrong, in the provider's own words. */

export type Complaint = {
  readonly message: string
  readonly param?: string
  /** Default: 400. */
  readonly status?: number
  /** Where the provider names them by itself. */
  readonly type?: string
  readonly code?: string
  /** What it tells beside the words. */
  readonly metadata?: JsonObject
}

/** undefined: nothing is wrong. */
export type Rule = (body: JsonObject) => Complaint | undefined

type Words = (name: string, value: Json) => string

export const given = (value: Json | undefined): value is Json => value !== undefined && value !== null

export const listOf = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

const complain = (message: string | undefined, param?: string): Complaint | undefined =>
  message === undefined ? undefined : { message, ...(param === undefined ? {} : { param }) }

/** Nothing but what is published. */
export const only =
  (published: readonly string[], words: Words): Rule =>
  body => {
    const name = Object.keys(body).find(key => !published.includes(key))
    return name === undefined ? undefined : { message: words(name, body[name] ?? null), param: name }
  }

/** The same complaint, and no word of where. */
export const unplaced =
  (rule: Rule): Rule =>
  body => {
    const complaint = rule(body)
    if (complaint === undefined) return undefined
    const { param: _, ...said } = complaint
    return said
  }

/** Parameters that are published and yet refused, by some models at least. */
export const without =
  (names: readonly string[], words: Words, refuses: (model: string) => boolean = () => true): Rule =>
  body => {
    const name = names.find(key => given(body[key]))
    return name === undefined || !refuses(String(body.model))
      ? undefined
      : { message: words(name, body[name] ?? null), param: name }
  }

/** A parameter has one of these values. */
export const among =
  (
    key: string,
    values: (model: string) => readonly string[],
    words: (value: string, values: readonly string[]) => string,
  ): Rule =>
  body => {
    const value = body[key]
    if (typeof value !== 'string') return undefined
    const known = values(String(body.model))
    return known.includes(value) ? undefined : { message: words(value, known), param: key }
  }

/** One parameter that has no place without another, or with it. */
export const needs =
  (wrong: (body: JsonObject) => boolean, message: string, param: string): Rule =>
  body =>
    wrong(body) ? { message, param } : undefined

/** Looks at each message, from the first. */
export const everyMessage =
  (wrong: (message: JsonObject, at: number, body: JsonObject) => string | undefined): Rule =>
  body => {
    for (const [at, message] of listOf(body.messages).entries()) {
      const said = wrong(message, at, body)
      if (said !== undefined) return complain(said, `messages[${at}]`)
    }
    return undefined
  }

/** At least one message. */
export const someMessages =
  (message: string): Rule =>
  body =>
    listOf(body.messages).length === 0 ? { message, param: 'messages' } : undefined

export const callsOf = (message: JsonObject): readonly JsonObject[] => listOf(message.tool_calls)

/** Every call is answered by the tool messages that follow it at once. */
export const answered =
  (message: string): Rule =>
  body => {
    let open: readonly string[] = []
    for (const one of listOf(body.messages)) {
      if (one.role === 'tool') open = open.filter(id => id !== one.tool_call_id)
      else if (open.length > 0) return { message, param: 'messages' }
      else open = callsOf(one).map(({ id }) => String(id))
    }
    return open.length > 0 ? { message, param: 'messages' } : undefined
  }
