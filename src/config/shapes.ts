import type { output, ZodType } from 'zod'
import type { Json } from '../wire/json.ts'
import { join, type Report } from './report.ts'
import { type MapNode, placeOf, settings } from './tree.ts'
import { z } from './zod.ts'

/**
 * The value shapes of the file. Numbers and booleans may be text, because environment variables are.
 * No message repeats a value: it may come from a secret.
 */

const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i
const toNumber = (value: unknown): unknown =>
  typeof value === 'string' && NUMBER.test(value.trim()) ? Number(value.trim()) : value

const TRUE = new Set(['true', 'yes', 'on', '1', 't', 'y'])
const FALSE = new Set(['false', 'no', 'off', '0', 'f', 'n'])
export const toFlag = (value: unknown): unknown => {
  if (value === 1 || value === 0) return value === 1
  if (typeof value !== 'string') return value
  const word = value.trim().toLowerCase()
  return TRUE.has(word) ? true : FALSE.has(word) ? false : value
}

const toText = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value)
const toList = (value: unknown): unknown =>
  typeof value === 'string' || typeof value === 'number' ? [value] : value

export const flag = z.preprocess(toFlag, z.boolean('must be true or false'))
export const number = z.preprocess(toNumber, z.number('must be a number'))
export const amount = z.preprocess(toNumber, z.number('must be a number').nonnegative('must be 0 or more'))
export const count = z.preprocess(
  toNumber,
  z.number('must be a whole number').int('must be a whole number').nonnegative('must be 0 or more'),
)
/** Longer than this is a mistake in the unit: ten years. */
const LONGEST_SECONDS = 315_360_000
/** Seconds in the file, milliseconds in the Config. */
export const seconds = z.preprocess(
  toNumber,
  z
    .number('must be a number of seconds')
    .nonnegative('must be 0 seconds or more')
    .max(LONGEST_SECONDS, 'is more than ten years: seconds are meant')
    .transform(value => Math.round(value * 1000)),
)
/** Megabytes in the file, bytes in the Config. */
export const megabytes = z.preprocess(
  toNumber,
  z
    .number('must be a number of megabytes')
    .nonnegative('must be 0 or more')
    .transform(value => Math.floor(value * 1024 * 1024)),
)
export const text = z.preprocess(toText, z.string('must be text').trim().min(1, 'must not be empty'))
/** YAML reads a bare on or off as true or false. */
const toWord = (value: unknown): unknown =>
  value === true ? 'on' : value === false ? 'off' : typeof value === 'string' ? value.trim() : value
/** One of these words. */
export const choice = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.preprocess(toWord, z.enum(words, `must be one of ${words.join(', ')}`))
export const texts = z.preprocess(toList, z.array(text, 'must be a list of texts'))
/** Anything JSON, as it stands. */
export const json = z.custom<Json>(() => true)
export const object = z.record(z.string(), json, 'must be a map')

/** Reads the set keys of one section. Issues become errors with a place; then the result is undefined. */
export const checkShape = <Shape extends ZodType>(
  shape: Shape,
  node: MapNode,
  path: readonly PropertyKey[],
  report: Report,
): output<Shape> | undefined => {
  const result = shape.safeParse(settings(node))
  if (result.success) return result.data
  for (const issue of result.error.issues)
    report.error(join(...path, ...issue.path), placeOf(node, issue.path), issue.message)
  return undefined
}
