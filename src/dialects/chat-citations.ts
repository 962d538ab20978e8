import { isObject, type JsonObject } from '../wire/json.ts'

/**
 * Citations of pages: chat has an object of its own inside the annotation, `{type, url_citation: {url, title, …}}`, the
 * Responses API and the neutral form have its members beside the type.
 */

const TYPE = 'url_citation'

export const readCitation = (annotation: JsonObject): JsonObject => {
  const { [TYPE]: inner, ...rest } = annotation
  return annotation.type === TYPE && isObject(inner) ? { ...rest, ...inner } : annotation
}

export const writeCitation = (annotation: JsonObject): JsonObject => {
  const { type, ...members } = annotation
  return type === TYPE && members[TYPE] === undefined ? { type, [TYPE]: members } : annotation
}
