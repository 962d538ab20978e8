import { ENDS } from './crossings.ts'
import { kindNamed } from './kinds.ts'
import { summaryOf } from './print.ts'
import type { Row } from './rows.ts'
import type { Mark, Result } from './scene.ts'
import type { Sheet } from './sheet.ts'
import { SOURCES } from './ways.ts'

/** The crossings as tables for readers: a hundred thousand cells, of which only the sums are shown. */

const INTRODUCTION = `## From dialect to dialect

Who asks × of whom first × who stands in × fault: what becomes of a call in one dialect whose provider speaks a second and
fails, while a third could answer. The faults are those above but for the three that only a wire can show, which are below
every dialect; each provider makes them in its own words and events.

Every request holds a system prompt. Those without a plus hold a tool, a call of it and its result, meet every fault, and
are asked twice: with a backup that is well, and with one that is struck in the same way. The others hold what is harder to
carry: *call* a call with its result, and the answer is another call; *image* a picture; *schema* a form to which the answer
is bound. They meet a part of the faults, in which any three of source, first, backup and fault meet
once, with a backup that is well or struck by turns. What they hold has to arrive at every provider, and what they ask for
has to be in every answer.

Of those others \`drop_params\` is off: who has no place for what carries meaning refuses the call. [Who does](#refusals) is written
down, and nobody else may. Where somebody refuses, the cell wants exactly that: LiteLLM's \`UnsupportedParamsError\` with its
reason, nothing sent to him, nobody blamed, the next one asked at once; and the client is told of it where nobody else
answers.

What is wanted of every cell, beside what is said above: the answer, or the error, is in the client's own dialect, by that
dialect's published grammar, with one end, its ids and its counts; the body that the backup gets is that of a direct
request to it; headers and record tell of whoever served what they tell after a direct call, and count the attempts; two
attempts are made and no third, but where an answer is gone on with.

\`npm test\` plays of the first kind a part in which any three of source, first, backup and fault meet at least once, and of
the second one in which any two do; \`npm run matrix\` plays all of them.`

type Sum = { proven: number; reason: number; red: number; empty: number }

const add = (sum: Sum, result: Result | undefined): void => {
  sum[result?.kind ?? 'empty'] += 1
}

/** Proven cells, and behind a plus those with a reason. Anything else is not to be overlooked. */
const told = (sum: Sum | undefined): string => {
  if (sum === undefined) return ''
  const { proven, reason, red, empty } = sum
  const wrong = red + empty > 0 ? ` ✗ ${red + empty}` : ''
  return `${proven}${reason > 0 ? ` + ${reason}` : ''}${wrong}`
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

type Side = (row: Row) => string

/** Sums by two sides of a crossing. */
const sumsBy = (sheet: Sheet, line: Side, column: Side): ReadonlyMap<string, Sum> => {
  const sums = new Map<string, Sum>()
  for (const cell of sheet.cells()) {
    const key = `${line(cell.row)}\n${column(cell.row)}`
    const sum = sums.get(key) ?? { proven: 0, reason: 0, red: 0, empty: 0 }
    sums.set(key, sum)
    add(sum, sheet.get(cell))
  }
  return sums
}

const source: Side = ({ pair }) => pair?.source.name ?? ''
const first: Side = ({ pair }) => pair?.first ?? ''
const backup: Side = ({ pair }) => pair?.backup ?? ''

const names = SOURCES.map(({ name }) => name)

const grid = (sheet: Sheet, [line, lines]: readonly [Side, readonly string[]], corner: string): string => {
  const sums = sumsBy(sheet, line, backup)
  const rows = lines.map(name => [name, ...ENDS.map(end => told(sums.get(`${name}\n${end}`)))])
  return table([corner, ...ENDS], rows)
}

const kinds = (): string =>
  table(
    ['name', 'provider'],
    ENDS.map(name => [name, kindNamed(name).words]),
  )

/** Each once, with the number of its cells, the most frequent first. */
const reasons = (sheet: Sheet): string => {
  const counts = new Map<string, number>()
  for (const cell of sheet.cells()) {
    const result = sheet.get(cell)
    if (result?.kind === 'reason') counts.set(result.why, (counts.get(result.why) ?? 0) + 1)
  }
  const sorted = [...counts].toSorted(([, one], [, other]) => other - one)
  return table(
    ['cells', 'reason'],
    sorted.map(([why, count]) => [String(count), why]),
  )
}

/** Who refuses which request, and with what words. */
const refusals = (): string =>
  table(
    ['source', 'refused by', 'because'],
    SOURCES.flatMap(({ name, refusedBy = {} }) => {
      const words = new Set(Object.values(refusedBy))
      const who = (word: string): string => ENDS.filter(end => refusedBy[end] === word).join(', ')
      return [...words].map(word => [name, who(word), word])
    }),
  )

/** A part of docs/matrix.md. The same whether a cell was played or is foretold, as long as none is red. */
export const crossingsPage = (sheet: Sheet): string =>
  [
    INTRODUCTION,
    `${summaryOf(sheet)}.`,
    '### Providers',
    kinds(),
    '### Refusals',
    refusals(),
    '### Source to backup',
    'Proven cells, and behind the plus those with a reason: over every first provider, every fault that the source meets, and a\nbackup that is well or struck.',
    grid(sheet, [source, names], 'source'),
    '### First to backup',
    'The same over every source.',
    grid(sheet, [first, ENDS], 'first'),
    '### Reasons',
    reasons(sheet),
  ].join('\n\n')

/** What became of the cells that were played, for whoever runs the matrix. */
export const crossingsTold = (sheet: Sheet): string => {
  const counts = new Map<Mark, number>()
  for (const cell of sheet.cells()) {
    const result = sheet.get(cell)
    if (result?.kind === 'proven') counts.set(result.mark, (counts.get(result.mark) ?? 0) + 1)
  }
  return [...counts].map(([mark, count]) => `${count} ${mark}`).join(', ')
}
