import type { ShapeName } from '../../src/routes.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { framesOf } from '../support/answers.ts'

const jsonOf = (data: string): JsonObject => {
  try {
    const value = JSON.parse(data) as Json
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const choicesOf = ({ choices }: JsonObject): readonly JsonObject[] =>
  Array.isArray(choices) ? choices.filter(isObject) : []

const partsOf = ({ candidates }: JsonObject): readonly JsonObject[] =>
  (Array.isArray(candidates) ? candidates.filter(isObject) : []).flatMap(({ content }) =>
    isObject(content) && Array.isArray(content.parts) ? content.parts.filter(isObject) : [],
  )

/** The text of one event. */
const textIn = (shape: ShapeName, event: JsonObject): string => {
  const words =
    shape === 'chat'
      ? choicesOf(event).map(({ delta }) => (isObject(delta) ? delta.content : ''))
      : shape === 'completions'
        ? choicesOf(event).map(({ text }) => text)
        : shape === 'messages'
          ? [isObject(event.delta) ? event.delta.text : '']
          : shape === 'gemini'
            ? partsOf(event).map(({ text }) => text)
            : String(event.type).endsWith('.delta')
              ? [event.delta ?? event.audio]
              : []
  return words.filter(word => typeof word === 'string').join('')
}

/** Everything that a whole stream said, as its reader puts it together. */
export const saidIn = (shape: ShapeName, body: string): string =>
  framesOf(body)
    .map(({ data }) => textIn(shape, jsonOf(data)))
    .join('')
