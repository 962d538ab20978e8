import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { listAt, objectAt, textAt } from './gemini-words.ts'

/** What a client's own `contents` need, or may not have, where another provider took part in them. */

const partsOf = (content: Json): readonly JsonObject[] =>
  isObject(content) ? listAt(content, 'parts').filter(isObject) : []

const contentsIn = (contents: Json | undefined): readonly Json[] => (Array.isArray(contents) ? contents : [])

const callAt = (content: Json): number =>
  isObject(content)
    ? listAt(content, 'parts').findIndex(
        part => isObject(part) && objectAt(part, 'functionCall') !== undefined,
      )
    : -1

/**
 * Paths below `contents` of calls that have to be signed and are not: the first of each turn. The others of one turn
 * never have a signature of their own, and a client that collects a stream keeps the chunks of a turn as contents.
 */
export const unsignedCalls = (contents: Json | undefined): readonly (readonly string[])[] => {
  const found: string[][] = []
  let looked = false
  for (const [index, content] of contentsIn(contents).entries()) {
    const model = isObject(content) && content.role === 'model'
    if (!model) looked = false
    const place = callAt(content)
    if (!model || looked || place === -1) continue
    looked = true
    const part = listAt(content, 'parts')[place]
    if (isObject(part) && !textAt(part, 'thoughtSignature'))
      found.push([String(index), 'parts', String(place)])
  }
  return found
}

const NAMES = ['functionCall', 'function_call', 'functionResponse', 'function_response'] as const

/** The members of parts, by their spelling, that hold an id. */
export const membersWithIds = (contents: Json | undefined): readonly string[] => {
  const parts = contentsIn(contents).flatMap(partsOf)
  return NAMES.filter(name =>
    parts.some(part => {
      const member = part[name]
      return isObject(member) && Object.hasOwn(member, 'id')
    }),
  )
}
