import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { LOCAL_ROUTES } from '../admin/local.ts'
import { NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES } from '../routes.ts'
import { routeTable } from './routes.ts'
import { renewPage } from './routes-docs.ts'

const page = readFileSync(new URL('../../docs/endpoints.md', import.meta.url), 'utf8')

/** Cells of every table row whose second cell is a path, back-quotes taken off. */
const rows = [...page.matchAll(/^\| ([A-Z]+) \| `(\/[^`]*)` \|(.*)\|$/gm)].map(
  ([, method = '', path = '', rest = '']) => ({
    method,
    path,
    cells: rest.split('|').map(cell => cell.trim()),
  }),
)

const ofEngine = rows.filter(row => row.cells.length === 5)
const ofGateway = rows.filter(row => row.cells.length === 2)

test('docs/endpoints.md has the tables of the code as they are printed from it', () => {
  assert.equal(page, renewPage(page), "run 'node src/cli/routes-docs.ts'")
})

test('every line of `understudy routes` is in docs/endpoints.md, and no other', () => {
  const key = (cells: readonly string[]): string => cells.join(' | ')
  const documented = ofEngine.map(({ method, path, cells: [, ...does] }) => key([method, path, ...does]))
  const printed = routeTable().map(line =>
    key([line.method, line.path, line.retry, line.fallback, line.cooldown, line.gate]),
  )
  assert.deepEqual(documented.toSorted(), printed.toSorted())
})

test('every path form that the gateway answers is in docs/endpoints.md, and no other', () => {
  const forms = (also: string | undefined): readonly string[] =>
    [...(also ?? '').matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '')
  const documented = [...ofEngine, ...ofGateway].flatMap(({ method, path, cells: [also] }) =>
    [path, ...forms(also)].map(form => `${method} ${form}`),
  )
  const answered = [...ROUTES, ...NATIVE_ROUTES, ...LOCAL_ROUTES].flatMap(({ method, paths }) =>
    paths.map(path => `${method} ${path}`),
  )
  assert.deepEqual(documented.toSorted(), answered.toSorted())
})

test('docs/endpoints.md gives each reason not to cross in the words of the code', () => {
  const text = page.replace(/\s+/g, ' ')
  for (const because of new Set([...ROUTES, ...NATIVE_ROUTES].map(route => route.because)))
    assert.ok(text.includes(because), because)
})
