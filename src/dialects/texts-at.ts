import { isObject, type Json } from '../wire/json.ts'

export type TextAt = { readonly path: readonly string[]; readonly text: string }

/** The strings of a body that a path leads to; '*' is every place of a list. `path`: where `value` stands. */
export const textsAt = (
  value: Json | undefined,
  steps: readonly string[],
  path: readonly string[],
): readonly TextAt[] => {
  const [step, ...rest] = steps
  if (step === undefined) return typeof value === 'string' ? [{ path, text: value }] : []
  if (step === '*')
    return Array.isArray(value)
      ? (value as readonly Json[]).flatMap((inner, at) => textsAt(inner, rest, [...path, String(at)]))
      : []
  return isObject(value) ? textsAt(value[step], rest, [...path, step]) : []
}
