import { LOCAL_ROUTES } from '../admin/local.ts'
import { SHAPES } from '../dialects/index.ts'
import { NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES, type Route } from '../routes.ts'

/** One line of `understudy routes`: what the engine does for the endpoint. Never an empty cell. */
export type RouteLine = {
  readonly method: string
  readonly path: string
  readonly retry: string
  readonly fallback: string
  readonly cooldown: string
  readonly gate: string
}

const gateOf = (route: Route): string => {
  if (route.shape === 'raw' || route.shape === 'speech')
    return route.streams ? 'first byte or event' : 'first byte'
  if (!route.streams) return 'whole answer'
  return SHAPES[route.shape].stream === undefined ? 'whole answer' : 'first content event'
}

const fallbackOf = (route: Route): string => {
  if (route.crossing === 'groups') return 'any group'
  return route.crossing === 'same-model' ? 'same model only' : 'no: owned'
}

/** Pass-through hands every HTTP answer on as it is: only where none came is there something to try again. */
const retryOf = (route: Route): string => (route.verbatim === true ? 'broken connections only' : 'yes')

/**
 * What one provider owns is asked of it whether it rests or not: nobody else knows it. Its failures count all the
 * same, for the model calls of its group.
 */
const cooldownOf = (route: Route): string => {
  if (route.crossing !== 'never') return 'yes'
  return route.verbatim === true
    ? 'broken connections count; asked all the same'
    : 'counts; asked all the same'
}

export const routeLine = (route: Route): RouteLine => ({
  method: route.method,
  path: route.paths[0] ?? '',
  retry: retryOf(route),
  fallback: fallbackOf(route),
  cooldown: cooldownOf(route),
  gate: gateOf(route),
})

export const routeTable = (): readonly RouteLine[] => [...ROUTES, ...NATIVE_ROUTES].map(routeLine)

const pad = (text: string, width: number): string => text.padEnd(width)

/** Prints the endpoint table with every path form, and why an endpoint does not cross. */
export const printRoutes = (write: (text: string) => void): void => {
  const lines = routeTable()
  const columns = ['method', 'path', 'retry', 'fallback', 'cooldown', 'gate'] as const
  const widths = columns.map(name => Math.max(name.length, ...lines.map(line => line[name].length)))
  const print = (cells: readonly string[]): void =>
    write(
      `${cells
        .map((cell, at) => pad(cell, widths[at] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  print([...columns])
  print(widths.map(width => '─'.repeat(width)))
  for (const line of lines) print(columns.map(name => line[name]))
  write('\nEvery model route answers without /v1 too. Why some do not cross to another group:\n')
  for (const because of new Set(
    [...ROUTES, ...NATIVE_ROUTES].map(route => route.because).filter(text => text !== ''),
  ))
    write(`  · ${because}\n`)
  write('\nAnswered by the gateway itself:\n')
  for (const route of LOCAL_ROUTES)
    write(`  ${route.method}  ${route.paths.join('  ')}${route.open ? '  (no key needed)' : ''}\n`)
}
