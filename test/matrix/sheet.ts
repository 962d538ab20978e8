import type { Fault } from './faults/fault.ts'
import type { Row } from './rows.ts'
import type { Result } from './scene.ts'
import { PHASES, type Phase } from './seen.ts'
import { TARGETS, type Target } from './targets.ts'

/** What the client does: it stays, or it goes at a moment. */
export type Client = 'stays' | Phase

export const CLIENTS: readonly Client[] = ['stays', ...PHASES]

export type Cell = {
  readonly row: Row
  readonly fault: Fault
  readonly target: Target
  readonly client: Client
}

export type Red = { readonly cell: Cell; readonly staging: Staging; readonly complaints: readonly string[] }
export type Staging = 'virtual time' | 'TCP'

const keyOf = ({ row, fault, target, client }: Cell): string =>
  [row.label, fault.title, target, client].join('\n')

/** Every cell and what it shows. A cell that was played twice is red if either was. */
export class Sheet {
  readonly rows: readonly Row[]
  readonly faults: readonly Fault[]
  readonly reds: Red[] = []
  readonly #cells = new Map<string, Result>()
  /** Cells that were played, by staging. */
  readonly played: Record<Staging, number> = { 'virtual time': 0, TCP: 0 }

  constructor(rows: readonly Row[], faults: readonly Fault[]) {
    this.rows = rows
    this.faults = faults
  }

  put(cell: Cell, staging: Staging, result: Result): void {
    const key = keyOf(cell)
    const known = this.#cells.get(key)
    if (result.kind !== 'reason') this.played[staging] += 1
    if (result.kind === 'red') this.reds.push({ cell, staging, complaints: result.complaints })
    if (known?.kind !== 'red') this.#cells.set(key, result)
  }
  /** What is foretold of a cell that nobody plays here. */
  foretell(cell: Cell, result: Result): void {
    const key = keyOf(cell)
    if (!this.#cells.has(key)) this.#cells.set(key, result)
  }
  get(cell: Cell): Result | undefined {
    return this.#cells.get(keyOf(cell))
  }

  *cells(): Generator<Cell> {
    for (const target of TARGETS)
      for (const client of CLIENTS)
        for (const row of this.rows) for (const fault of this.faults) yield { row, fault, target, client }
  }
  /** Cells that say nothing. */
  get empty(): readonly Cell[] {
    return [...this.cells()].filter(cell => this.get(cell) === undefined)
  }
  count(test: (result: Result | undefined) => boolean): number {
    return [...this.cells()].filter(cell => test(this.get(cell))).length
  }
}

export const nameOf = ({ row, fault, target, client }: Cell): string =>
  `${row.label} · ${fault.title} · ${target} · ${client === 'stays' ? client : `leaves: ${client}`}`
