import { isObject, type Json } from '../../src/wire/json.ts'
import type { Violation } from './invariant.ts'
import type { Scenario } from './scenario.ts'

const WIDTH = 100

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

const keyOf = (key: string): string => (/^[A-Za-z_]\w*$/.test(key) ? key : quoted(key))

/** A value as TypeScript writes it, on one line while it fits. */
const literal = (value: Json, indent: string): string => {
  if (typeof value === 'string') return quoted(value)
  if (!Array.isArray(value) && !isObject(value)) return JSON.stringify(value)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  const parts = (deeper: string): readonly string[] =>
    Array.isArray(value)
      ? (value as readonly Json[]).map(item => literal(item, deeper))
      : Object.entries(value).map(([key, inner]) => `${keyOf(key)}: ${literal(inner, deeper)}`)
  const flat = parts('').join(', ')
  if (flat.length + indent.length < WIDTH && !flat.includes('\n'))
    return Array.isArray(value) ? `[${flat}]` : `{ ${flat} }`
  const deeper = `${indent}  `
  return `${open}\n${parts(deeper)
    .map(part => `${deeper}${part},\n`)
    .join('')}${indent}${close}`
}

/** One entry for the table in found.ts: what was found, ready to be given a name and kept. */
export const printed = (scenario: Scenario, violation: Violation): string =>
  [
    '  {',
    "    name: 'what is guarded, in a sentence',",
    `    // ${violation.text}`,
    `    guards: '${violation.invariant}',`,
    `    scenario: ${literal(scenario as unknown as Json, '    ')},`,
    '  },',
  ].join('\n')
