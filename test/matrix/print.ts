import type { Fault } from './faults/fault.ts'
import type { Row } from './rows.ts'
import type { Mark, Result } from './scene.ts'
import { type Cell, CLIENTS, type Client, nameOf, type Sheet } from './sheet.ts'
import { TARGETS, type Target } from './targets.ts'

const MARKS: Readonly<Record<Mark, string>> = {
  served: '●',
  estimated: '~',
  continued: '◐',
  passed: '=',
  error: 'e',
  // Only crossings have it, and they are told by their sums.
  refused: 'r',
  broken: 'b',
  left: '●',
}

export const MARK_WORDS: readonly (readonly [mark: string, words: string])[] = [
  ['●', 'a client that stays: the target answered, whole, and nothing of the fault is to be seen'],
  ['●', 'a client that leaves: its upstream was closed within 250 ms, and nothing followed'],
  [
    '=',
    'no failure to this endpoint: the client has what the first provider sent, and nobody else was asked',
  ],
  [
    'e',
    'the client has the failure itself, as an error in its dialect: its verdict leads to no such target, or all failed',
  ],
  ['~', 'all have failed: the gateway has counted in their place, and says so'],
  [
    'b',
    'the answer had begun: it ends with the error event of its dialect, or cut where it has none, never as if whole',
  ],
  ['◐', 'the answer had begun, and another provider finished it'],
  ['✗', 'red: what happened is not what the tables say'],
]

export const TARGET_WORDS: Readonly<Record<Target, string>> = {
  again: 'the same deployment, once more',
  sibling: 'another deployment of its group',
  group: 'another group',
  dialect: 'another group, in another dialect',
  none: 'none left: all of these are there, and all fail alike',
}

export const CLIENT_WORDS: Readonly<Record<Client, string>> = {
  stays: 'stays',
  sending: 'leaves while the request is sent upstream',
  waiting: 'leaves while the head is waited for',
  head: 'leaves after the head, before content',
  middle: 'leaves in the middle of the body',
}

/** Reasons are numbered in the order in which the tables first give them. */
const reasonsOf = (sheet: Sheet): readonly string[] => {
  const found = new Set<string>()
  for (const cell of sheet.cells()) {
    const result = sheet.get(cell)
    if (result?.kind === 'reason') found.add(result.why)
  }
  return [...found]
}

const signOf = (result: Result | undefined, reasons: readonly string[]): string => {
  if (result === undefined) return ''
  if (result.kind === 'red') return '✗'
  return result.kind === 'proven' ? MARKS[result.mark] : String(reasons.indexOf(result.why) + 1)
}

/** Rows that say the same everywhere stand as one. */
export type Family = { readonly rows: readonly Row[]; readonly name: string }

const nameFor = (rows: readonly Row[]): string => {
  const [first] = rows
  if (first === undefined) return ''
  return rows.length === 1 ? first.label : `${first.label} +${rows.length - 1}`
}

const familiesOf = (sheet: Sheet, reasons: readonly string[]): readonly Family[] => {
  const known = new Map<string, Row[]>()
  for (const row of sheet.rows) {
    const signs: string[] = []
    for (const target of TARGETS)
      for (const client of CLIENTS)
        for (const fault of sheet.faults)
          signs.push(signOf(sheet.get({ row, fault, target, client }), reasons))
    const key = signs.join(' ')
    const same = known.get(key)
    if (same === undefined) known.set(key, [row])
    else same.push(row)
  }
  return [...known.values()].map(rows => ({ rows, name: nameFor(rows) }))
}

/** A sheet, and what its tables have in common. */
export type Print = {
  readonly sheet: Sheet
  readonly reasons: readonly string[]
  readonly families: readonly Family[]
}

export const printOf = (sheet: Sheet): Print => {
  const reasons = reasonsOf(sheet)
  return { sheet, reasons, families: familiesOf(sheet, reasons) }
}

const WIDTH = 3

export const numberOf = (sheet: Sheet, fault: Fault): string =>
  String(sheet.faults.indexOf(fault) + 1).padStart(2, '0')

/** One target and one client: a line for each family, a column for each fault. */
export const tableOf = (
  { sheet, reasons, families }: Print,
  { target, client }: Pick<Cell, 'target' | 'client'>,
): string => {
  const widest = Math.max(...families.map(({ name }) => name.length))
  const line = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(widest)}${cells.map(cell => cell.padStart(WIDTH)).join('')}`.trimEnd()
  const head = line(
    '',
    sheet.faults.map(fault => numberOf(sheet, fault)),
  )
  const lines = families.map(({ name, rows: [row] }) =>
    line(
      name,
      sheet.faults.map(fault =>
        row === undefined ? '' : signOf(sheet.get({ row, fault, target, client }), reasons),
      ),
    ),
  )
  return [head, ...lines].join('\n')
}

export const redsOf = (sheet: Sheet): string =>
  sheet.reds
    .map(
      ({ cell, staging, complaints }) => `✗ ${nameOf(cell)} (${staging})\n    ${complaints.join('\n    ')}`,
    )
    .join('\n')

export const summaryOf = (sheet: Sheet): string => {
  const all = [...sheet.cells()].length
  const proven = sheet.count(result => result?.kind === 'proven')
  const reasons = sheet.count(result => result?.kind === 'reason')
  const red = sheet.count(result => result?.kind === 'red')
  return `${all} cells: ${proven} proven, ${reasons} with a reason, ${red} red, ${sheet.empty.length} empty`
}
