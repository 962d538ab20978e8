/**
 * The golden files of the translations.
 * usage: npm run golden            says which would change; exit code 1 when any would
 *        npm run golden -- --write  writes them: read what changed before you commit it
 */
import { parseArgs } from 'node:util'
import { fromUpstream } from './answers.ts'
import { type Case, casesIn, type Make, rewrite, written } from './golden.ts'
import { toAll } from './targets.ts'

const { values: flags } = parseArgs({ options: { write: { type: 'boolean', default: false } } })

const KINDS: readonly (readonly [cases: readonly Case[], make: Make])[] = [
  [casesIn('requests'), ({ content }) => toAll(content)],
  [casesIn('answers'), ({ content }) => fromUpstream(content)],
]

let changed = 0
for (const [cases, make] of KINDS) {
  const names = flags.write
    ? rewrite(cases, make)
    : cases.flatMap(one => (written(one, make) === one.text ? [] : [one.name]))
  changed += names.length
  for (const name of names) process.stdout.write(`${flags.write ? 'written' : 'would change'}: ${name}\n`)
}
process.stdout.write(`${changed} of ${KINDS.flatMap(([cases]) => cases).length} files.\n`)
process.exitCode = changed > 0 && !flags.write ? 1 : 0
