import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** The text of every answer, so that a test can compare whole texts. */
export const CANONICAL = 'The understudy knows every line.'

/** What the performance of one request shall be. */
export type Direction = {
  readonly text: string
  readonly refuse: boolean
  readonly callTool: boolean
  readonly reason: boolean
}

/**
 * Stage directions in the prompt: `[stage:say …]`, `[stage:words 2000]`, `[stage:refuse]`, `[stage:tool]`,
 * `[stage:reason]`. They stand in the user's own text, so they reach the provider through any gateway.
 */
export const directionOf = (prompt: string, says: string): Direction => {
  const say = /\[stage:say ([^\]]*)\]/.exec(prompt)?.[1]
  const words = Number(/\[stage:words (\d{1,6})\]/.exec(prompt)?.[1] ?? 0)
  return {
    text: say ?? (words > 0 ? repeated(says, words) : says),
    refuse: prompt.includes('[stage:refuse]'),
    callTool: prompt.includes('[stage:tool]'),
    reason: prompt.includes('[stage:reason]'),
  }
}

const repeated = (says: string, words: number): string => {
  const each = says.split(' ')
  return Array.from({ length: words }, (_, index) => each[index % each.length]).join(' ')
}

/** Words with their leading space, the last mark by itself: 'The', ' understudy', …, ' line', '.'. */
export const tokensOf = (text: string): readonly string[] => text.match(/\s*[^\s.!?]+|\s*[.!?]|\s+$/g) ?? []

/** A deterministic count in the size of a real tokenizer's. */
export const countTokens = (text: string): number => Math.ceil(text.length / 4)

/** All text inside a message content, an input, or a list of them. */
export const textOf = (value: Json | undefined): string => {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(part => textOf(part)).join('\n')
  if (!isObject(value)) return ''
  return textOf(value.content ?? value.text ?? value.output ?? value.refusal)
}

/** A value that a JSON schema accepts, with the line wherever a string may stand. */
export const sample = (schema: Json | undefined, line: string, depth = 0): Json => {
  if (!isObject(schema) || depth > 20) return line
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0] ?? null
  if (schema.const !== undefined) return schema.const
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'object' || isObject(schema.properties)) return sampleObject(schema, line, depth)
  if (type === 'array') return [sample(schema.items, line, depth + 1)]
  if (type === 'integer' || type === 'number') return 1
  if (type === 'boolean') return true
  return type === 'null' ? null : line
}

const sampleObject = (schema: JsonObject, line: string, depth: number): JsonObject => {
  const properties = isObject(schema.properties) ? schema.properties : {}
  return Object.fromEntries(
    Object.entries(properties).map(([key, inner]) => [key, sample(inner, line, depth + 1)]),
  )
}
