/**
 * The matrix: every endpoint, streamed and not, with every fault, target and client.
 * Then every crossing: who asks, of which kind of provider, and which kind stands in.
 * usage: npm run matrix -- [--virtual] [--only endpoints|crossings] [--rows chat,responses.compact] [--faults 12,40] [--write]
 * Rows of crossings are called like `trigger (stream): azure → bedrock`. Exit code 1 when a cell is red, empty or, without --virtual, not played.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CROSSING_FAULTS, crossingRows, crossingSheet } from './crossings.ts'
import { crossingsPage, crossingsTold } from './crossings-page.ts'
import { FAULTS } from './faults/index.ts'
import { page } from './page.ts'
import { playTogether } from './parallel.ts'
import {
  CLIENT_WORDS,
  MARK_WORDS,
  numberOf,
  printOf,
  redsOf,
  summaryOf,
  TARGET_WORDS,
  tableOf,
} from './print.ts'
import { type Row, rowsOf } from './rows.ts'
import { CLIENTS, nameOf, Sheet } from './sheet.ts'
import { TARGETS } from './targets.ts'

const { values: flags } = parseArgs({
  options: {
    virtual: { type: 'boolean', default: false },
    only: { type: 'string' },
    rows: { type: 'string' },
    faults: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const listed = (text: string | undefined): readonly string[] | undefined =>
  text?.split(',').map(name => name.trim())

/** Throws for a name that is none: a typing error must not look like a matrix that was proven. */
const chosen = <Thing>(
  all: readonly Thing[],
  names: readonly string[] | undefined,
  is: (thing: Thing, name: string) => boolean,
): readonly Thing[] => {
  for (const name of names ?? [])
    if (!all.some(thing => is(thing, name))) throw new Error(`nothing is called ${name}`)
  return all.filter(thing => names === undefined || names.some(name => is(thing, name)))
}

const tell = (sheet: Sheet): void => {
  const print = printOf(sheet)
  for (const target of TARGETS)
    for (const client of CLIENTS)
      say(
        `\n${target}: ${TARGET_WORDS[target]}. The client ${CLIENT_WORDS[client]}.\n\n${tableOf(print, { target, client })}`,
      )
  say('\nsigns')
  for (const [mark, words] of MARK_WORDS) say(`  ${mark}   ${words}`)
  say('\nfaults')
  for (const fault of sheet.faults)
    say(`  ${numberOf(sheet, fault)}  ${fault.title}${fault.bench === undefined ? '' : ` (${fault.bench})`}`)
  say('\nreasons')
  for (const [place, why] of print.reasons.entries()) say(`  ${String(place + 1).padStart(2)}  ${why}`)
  say('\nendpoints that say the same everywhere')
  for (const { name, rows } of print.families)
    if (rows.length > 1) say(`  ${name}: ${rows.map(({ label }) => label).join(', ')}`)
}

const ONLY = ['endpoints', 'crossings'] as const

/** True where this half of the matrix is wanted. */
const wants = (half: (typeof ONLY)[number]): boolean => {
  const { only } = flags
  if (only !== undefined && !ONLY.some(one => one === only)) throw new Error(`nothing is called ${only}`)
  return only === undefined || only === half
}

/** Rows by the beginnings of their names: each name has to be one in some half. */
const wantedRows = (): { readonly endpoints: readonly Row[]; readonly crossings: readonly Row[] } => {
  const endpoints = wants('endpoints') ? rowsOf() : []
  const crossings = wants('crossings') ? crossingRows() : []
  const begins = ({ label }: Row, name: string): boolean => label.startsWith(name)
  const all = chosen([...endpoints, ...crossings], listed(flags.rows), begins)
  return {
    endpoints: all.filter(({ pair }) => pair === undefined),
    crossings: all.filter(({ pair }) => pair !== undefined),
  }
}

const main = async (): Promise<void> => {
  const began = performance.now()
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`
  const rows = wantedRows()
  const faults = chosen(
    FAULTS,
    listed(flags.faults),
    (fault, name) => FAULTS.indexOf(fault) + 1 === Number(name),
  )
  const sheet = new Sheet(rows.endpoints, faults)
  const crossings = crossingSheet(
    rows.crossings,
    faults.filter(fault => CROSSING_FAULTS.includes(fault)),
  )
  await playTogether(sheet, 'virtual')
  say(`virtual time: ${sheet.played['virtual time']} cells played, ${seconds()}`)
  if (!flags.virtual) {
    await playTogether(sheet, 'wire')
    say(`TCP: ${sheet.played.TCP} cells played, ${seconds()}`)
  }
  await playTogether(crossings, 'crossings')
  say(`from dialect to dialect: ${crossings.played['virtual time']} cells played, ${seconds()}`)
  if (sheet.rows.length > 0) tell(sheet)
  if (crossings.rows.length > 0) say(`\n${crossingsPage(crossings)}\n\n${crossingsTold(crossings)}`)
  const empty = [...sheet.empty, ...crossings.empty]
  for (const cell of empty) say(`empty: ${nameOf(cell)}`)
  const reds = [sheet, crossings].filter(one => one.reds.length > 0)
  for (const one of reds) say(`\n${redsOf(one)}`)
  const foretold = sheet.foretold.length
  if (foretold > 0) say(`\n${foretold} of the proven cells are foretold: only a wire shows them`)
  say(`\n${summaryOf(sheet)}; from dialect to dialect ${summaryOf(crossings)}; ${seconds()}`)
  const whole = !flags.virtual && [flags.only, flags.rows, flags.faults].every(flag => flag === undefined)
  if (flags.write && !whole) say('nothing written: the page takes the whole matrix')
  if (flags.write && whole)
    writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'matrix.md'), page(sheet, crossings))
  const unplayed = flags.virtual ? 0 : foretold
  if (reds.length > 0 || empty.length > 0 || unplayed > 0) process.exitCode = 1
}

await main()
