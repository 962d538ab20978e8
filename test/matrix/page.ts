import { crossingsPage } from './crossings-page.ts'
import {
  CLIENT_WORDS,
  MARK_WORDS,
  numberOf,
  type Print,
  printOf,
  summaryOf,
  TARGET_WORDS,
  tableOf,
} from './print.ts'
import { CLIENTS, type Sheet } from './sheet.ts'
import { TARGETS } from './targets.ts'

const INTRODUCTION = `# The matrix

Endpoint × streaming × fault × target × client: what becomes of a call when its first provider fails in one way, somebody
else could answer, and the client stays or leaves. The rows are the endpoint table, every one that reaches a provider;
nothing here is written cell by cell. What a cell must show is computed from the table of verdicts
([failover.md](failover.md)), from the row's own rule about crossing, and from the settings; then the gateway is
played, and the two are compared. \`npm run matrix\` does it and prints these tables, \`npm run matrix -- --write\` writes this
page, and both end with exit code 1 when a cell is red or empty.

Most cells are played in virtual time: the whole gateway, its clock and its transport exchanged. Faults that are marked
*too* under TCP are played over real sockets as well, with every target and client that an address allows; those marked
*only* can be shown nowhere else. \`npm test\` plays the first in full, and of the second each fault on each endpoint once.

In every cell, whatever its sign: one record for the call; each provider asked got byte for byte what a direct request to
it would have brought; slots, counters, memory and timers are back; nobody rests whose failure says that it was not to
blame. An answer is compared whole with that of an undisturbed call to whoever gave it, and has to name it.

A second matrix, [from dialect to dialect](#from-dialect-to-dialect), has the dialects of three sides in it.`

/** The rule about crossing, in the table's own words. */
const crossings = (sheet: Sheet): string => {
  const words = {
    groups: 'any group that serves the endpoint',
    'same-model':
      'only deployments of the same model; in these cells one of another stands first in the list, and is passed over',
    never: 'nobody',
  }
  const rules = new Map<string, readonly string[]>()
  for (const { route } of sheet.rows) {
    const told = route.because === '' ? words[route.crossing] : `${words[route.crossing]}: ${route.because}`
    const known = rules.get(told) ?? []
    const name = route.verbatim === true ? (route.paths[0] ?? '') : route.name
    if (!known.includes(name)) rules.set(told, [...known, name])
  }
  return [...rules].map(([told, names]) => `* ${told} (${names.join(', ')})`).join('\n')
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

const signs = (): string =>
  table(
    ['sign', 'what happened'],
    [...MARK_WORDS, ['1, 2, …', 'nothing to show, or nobody to cross to, for the reason of that number']],
  )

const faults = ({ sheet }: Print): string =>
  table(
    ['column', 'fault', 'TCP', 'Failover Bench'],
    sheet.faults.map(fault => [
      numberOf(sheet, fault),
      fault.title,
      fault.wire === undefined ? '' : fault.wire === 'only' ? 'only' : 'too',
      fault.bench ?? '',
    ]),
  )

const reasons = (print: Print): string =>
  table(
    ['number', 'reason'],
    print.reasons.map((why, place) => [String(place + 1), why]),
  )

/** docs/matrix.md, whole. The same for the same cells, whoever makes it. */
export const page = (sheet: Sheet, across: Sheet): string => {
  const print = printOf(sheet)
  const members = print.families
    .filter(({ rows }) => rows.length > 1)
    .map(({ name, rows }) => `* **${name}**: ${rows.map(({ label }) => label).join(', ')}`)
  const tables = TARGETS.map(target => {
    const parts = CLIENTS.map(client => {
      const text = tableOf(print, { target, client })
      return `### ${target}, the client ${CLIENT_WORDS[client]}\n\n\`\`\`\n${text}\n\`\`\``
    })
    return [`## Target: ${TARGET_WORDS[target]}`, ...parts].join('\n\n')
  })
  return `${[
    INTRODUCTION,
    `${summaryOf(sheet)}.`,
    '## Signs',
    signs(),
    'A client that leaves does so at the target where the way leads there, and at the first attempt where it does not: in\nthe tables of *none* it is always the first.',
    '## Who may answer instead',
    crossings(sheet),
    '## Faults',
    faults(print),
    '## Reasons',
    reasons(print),
    '## Endpoints that say the same everywhere',
    members.join('\n'),
    crossingsPage(across),
    ...tables,
  ].join('\n\n')}\n`
}
