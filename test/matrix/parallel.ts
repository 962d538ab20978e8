import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { conductRow, conductWire, conductWireOnce, rehearseAll, type Wanted } from './conduct.ts'
import { isProbe } from './covering.ts'
import { crossingRows, crossingSheet } from './crossings.ts'
import { FAULTS } from './faults/index.ts'
import { type Row, rowsOf } from './rows.ts'
import { type Dump, Sheet } from './sheet.ts'

/**
 * virtual: every cell that needs no wire. wire: every cell that a wire can show. wire-once: one target for each fault of
 * the wire. crossings: every one from dialect to dialect. crossings-covering: any three of what they are made of, or any two.
 */
export type Part = 'virtual' | 'wire' | 'wire-once' | 'crossings' | 'crossings-covering'

/** A part of the matrix for one thread; rows and faults by their labels and titles. */
type Share = {
  readonly part: Part
  readonly rows: readonly string[]
  readonly faults: readonly string[]
  /** Of these rows only the own ones are played. */
  readonly own: readonly string[]
}

const crosses = (part: Part): boolean => part === 'crossings' || part === 'crossings-covering'

const sheetFor = ({ part, rows, faults }: Share): Sheet => {
  const [wanted, struck] = [new Set(rows), FAULTS.filter(({ title }) => faults.includes(title))]
  const among = (all: readonly Row[]): readonly Row[] => all.filter(({ label }) => wanted.has(label))
  return crosses(part) ? crossingSheet(among(crossingRows()), struck) : new Sheet(among(rowsOf()), struck)
}

const wantedOf = (part: Part): Wanted => ({
  leaving: !crosses(part),
  ...(part === 'crossings-covering' ? { plays: isProbe } : {}),
})

const play = async (share: Share): Promise<Dump> => {
  const sheet = sheetFor(share)
  const rehearsals = await rehearseAll(sheet.rows.filter(({ label }) => share.own.includes(label)))
  if (share.part === 'wire') await conductWire(sheet, rehearsals, { leaving: true })
  else if (share.part === 'wire-once') await conductWireOnce(sheet, rehearsals)
  else for (const rehearsal of rehearsals) await conductRow(sheet, rehearsal, wantedOf(share.part))
  return sheet.dump
}

const elsewhere = (share: Share): Promise<Dump> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

/** Plays a part on every processor of this machine, on threads of its own: whoever waits does not slow it down. */
export const playTogether = async (sheet: Sheet, part: Part): Promise<void> => {
  const threads = Math.max(1, Math.min(8, availableParallelism()))
  const rows = sheet.rows.map(({ label }) => label)
  const faults = sheet.faults.map(({ title }) => title)
  // Neighbours cost about the same, so every thread gets some of each neighbourhood.
  const shares = Array.from(
    { length: threads },
    (_, at): Share => ({
      part,
      rows,
      faults,
      own: rows.filter((_row, place) => place % threads === at),
    }),
  )
  for (const dump of await Promise.all(shares.map(elsewhere))) sheet.merge(dump)
}

if (!isMainThread) void play(workerData as Share).then(dump => parentPort?.postMessage(dump))
