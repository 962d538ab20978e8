/**
 * The matrix: every endpoint, streamed and not, with every fault, target and client.
 * usage: npm run matrix -- [--virtual] [--rows chat,responses.compact] [--faults 12,40] [--write]
 * Exit code 1 when a cell is red, empty or, without --virtual, not played.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
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
import { rowsOf } from './rows.ts'
import { CLIENTS, nameOf, Sheet } from './sheet.ts'
import { TARGETS } from './targets.ts'

const { values: flags } = parseArgs({
  options: {
    virtual: { type: 'boolean', default: false },
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

const main = async (): Promise<void> => {
  const began = performance.now()
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`
  const rows = chosen(rowsOf(), listed(flags.rows), ({ label }, name) => label.startsWith(name))
  const faults = chosen(
    FAULTS,
    listed(flags.faults),
    (fault, name) => FAULTS.indexOf(fault) + 1 === Number(name),
  )
  const sheet = new Sheet(rows, faults)
  await playTogether(sheet, 'virtual')
  say(`virtual time: ${sheet.played['virtual time']} cells played, ${seconds()}`)
  if (!flags.virtual) {
    await playTogether(sheet, 'wire')
    say(`TCP: ${sheet.played.TCP} cells played, ${seconds()}`)
  }
  tell(sheet)
  for (const cell of sheet.empty) say(`empty: ${nameOf(cell)}`)
  if (sheet.reds.length > 0) say(`\n${redsOf(sheet)}`)
  const foretold = sheet.foretold.length
  if (foretold > 0) say(`\n${foretold} of the proven cells are foretold: only a wire shows them`)
  say(`\n${summaryOf(sheet)}; ${seconds()}`)
  const whole = !flags.virtual && flags.rows === undefined && flags.faults === undefined
  if (flags.write && !whole) say('nothing written: the page takes the whole matrix')
  if (flags.write && whole)
    writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'matrix.md'), page(sheet))
  const unplayed = flags.virtual ? 0 : foretold
  if (sheet.reds.length > 0 || sheet.empty.length > 0 || unplayed > 0) process.exitCode = 1
}

await main()
