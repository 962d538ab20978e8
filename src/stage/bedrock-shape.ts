import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** Steps of a strict reading: each one throws Breach with the service's kind of message. */

/** A ValidationException: 400. */
export class Breach extends Error {}

export const breach = (message: string): never => {
  throw new Breach(message)
}

export const objectAt = (value: Json | undefined, path: string): JsonObject =>
  isObject(value) ? value : breach(`Malformed input request: ${path} is not an object.`)

export const listAt = (value: Json | undefined, path: string): readonly Json[] =>
  Array.isArray(value) ? value : breach(`Malformed input request: ${path} is not a list.`)

/** Refuses every member that is not in the published shape. */
export const onlyKeys = (value: JsonObject, allowed: readonly string[], path: string): void => {
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) {
      breach(
        `Malformed input request: extraneous key [${path === '' ? key : `${path}.${key}`}] is not permitted.`,
      )
    }
  }
}

/** A union: exactly one member, and a known one. Returns its name. */
export const unionAt = (value: Json | undefined, allowed: readonly string[], path: string): string => {
  const object = objectAt(value, path)
  onlyKeys(object, allowed, path)
  const keys = Object.keys(object)
  const [key] = keys
  if (keys.length !== 1 || key === undefined)
    return breach(`Malformed input request: ${path} must have exactly one member.`)
  return key
}

export const textAt = (value: Json | undefined, path: string): string =>
  typeof value === 'string' ? value : breach(`Malformed input request: ${path} is not a string.`)

export const spokenText = (value: Json | undefined, path: string): void => {
  if (textAt(value, path).trim() === '') {
    breach(
      `The text field in the ContentBlock object at ${path} is blank. Add text to the text field, and try again.`,
    )
  }
}
