import { LOCAL_ROUTES } from '../admin/local.ts'
import { NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES, type Route } from '../routes.ts'
import { routeLine } from './routes.ts'

const BEGIN = '<!-- routes: written by src/cli/routes-docs.ts -->'
const END = '<!-- end of routes -->'

const code = (text: string): string => `\`${text}\``

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const routeRow = (route: Route): string => {
  const line = routeLine(route)
  const others = route.paths.slice(1).map(code).join(' ')
  return row([line.method, code(line.path), others, line.retry, line.fallback, line.cooldown, line.gate])
}

const routesTable = (title: string, routes: readonly Route[]): string =>
  [
    `### ${title}`,
    '',
    '| method | path | also at | retry | fallback | cooldown | gate |',
    '|---|---|---|---|---|---|---|',
    ...routes.map(routeRow),
  ].join('\n')

const localTable = (): string =>
  [
    '### Answered by the gateway itself',
    '',
    '| method | path | also at | key |',
    '|---|---|---|---|',
    ...LOCAL_ROUTES.map(({ method, paths, open }) =>
      row([method, code(paths[0] ?? ''), paths.slice(1).map(code).join(' '), open ? 'not needed' : 'needed']),
    ),
  ].join('\n')

/** The endpoint table as Markdown, from the rows that the engine runs on. */
export const renderRouteTables = (): string =>
  [
    routesTable(
      'Model calls',
      ROUTES.filter(route => route.crossing !== 'never'),
    ),
    routesTable(
      'Objects that a provider owns',
      ROUTES.filter(route => route.crossing === 'never'),
    ),
    routesTable("A provider's own API", NATIVE_ROUTES),
    localTable(),
  ].join('\n\n')

/** The page with its tables renewed. Throws when the marks are missing. */
export const renewPage = (page: string): string => {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page needs the marks ${BEGIN} and ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${renderRouteTables()}\n\n${page.slice(end)}`
}

if (import.meta.main) {
  const { readFile, writeFile } = await import('node:fs/promises')
  const page = new URL('../../docs/endpoints.md', import.meta.url)
  await writeFile(page, renewPage(await readFile(page, 'utf8')))
}
