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

type PlacedRed = Omit<Red, 'cell'> & { readonly place: number }

export type Dump = {
  readonly cells: readonly (Result | undefined)[]
  readonly foretold: readonly number[]
  readonly reds: readonly PlacedRed[]
  readonly played: Readonly<Record<Staging, number>>
}

/** Default: all of them. `has`: of the cells so many. */
export type Breadth = {
  readonly targets?: readonly Target[]
  readonly clients?: readonly Client[]
  readonly has?: (cell: Cell) => boolean
}

/** Every cell and what it shows. A cell that was played twice is red if either was. */
export class Sheet {
  readonly rows: readonly Row[]
  readonly faults: readonly Fault[]
  readonly reds: Red[] = []
  readonly #cells: (Result | undefined)[] = []
  /** Places of cells that nobody has played. */
  readonly #foretold = new Set<number>()
  readonly targets: readonly Target[]
  readonly clients: readonly Client[]
  /** Whether there is such a cell. */
  readonly has: (cell: Cell) => boolean
  readonly #rowAt: ReadonlyMap<Row, number>
  readonly #faultAt: ReadonlyMap<Fault, number>
  /** Cells that were played, by staging. */
  readonly played: Record<Staging, number> = { 'virtual time': 0, TCP: 0 }

  constructor(
    rows: readonly Row[],
    faults: readonly Fault[],
    { targets = TARGETS, clients = CLIENTS, has = () => true }: Breadth = {},
  ) {
    this.rows = rows
    this.faults = faults
    this.targets = targets
    this.clients = clients
    this.has = has
    this.#rowAt = new Map(rows.map((row, place) => [row, place]))
    this.#faultAt = new Map(faults.map((fault, place) => [fault, place]))
  }

  put(cell: Cell, staging: Staging, result: Result): void {
    const place = this.#placeOf(cell)
    this.#foretold.delete(place)
    if (result.kind !== 'reason') this.played[staging] += 1
    if (result.kind === 'red') this.reds.push({ cell, staging, complaints: result.complaints })
    if (this.#cells[place]?.kind !== 'red') this.#cells[place] = result
  }
  /** What is foretold of a cell that nobody plays here. */
  foretell(cell: Cell, result: Result): void {
    const place = this.#placeOf(cell)
    if (this.#cells[place] !== undefined) return
    this.#cells[place] = result
    if (result.kind !== 'reason') this.#foretold.add(place)
  }
  /** Everything that is known, in a form that travels between threads. */
  get dump(): Dump {
    const reds = this.reds.map(({ cell, staging, complaints }) => ({
      place: this.#placeOf(cell),
      staging,
      complaints,
    }))
    return { cells: [...this.#cells], foretold: [...this.#foretold], reds, played: { ...this.played } }
  }
  /** What another sheet of the same rows and faults knows. A cell that somebody has played is not foretold any more. */
  merge({ cells, foretold, reds, played }: Dump): void {
    const all = [...this.cells()]
    const guessed = new Set(foretold)
    for (const cell of all) {
      const place = this.#placeOf(cell)
      const known = cells[place]
      if (known === undefined) continue
      if (guessed.has(place)) this.foretell(cell, known)
      else {
        this.#foretold.delete(place)
        if (this.#cells[place]?.kind !== 'red') this.#cells[place] = known
      }
    }
    const byPlace = new Map(all.map(cell => [this.#placeOf(cell), cell]))
    for (const { place, staging, complaints } of reds) {
      const cell = byPlace.get(place)
      if (cell !== undefined) this.reds.push({ cell, staging, complaints })
    }
    this.played['virtual time'] += played['virtual time']
    this.played.TCP += played.TCP
  }
  get(cell: Cell): Result | undefined {
    return this.#cells[this.#placeOf(cell)]
  }

  #placeOf({ row, fault, target, client }: Cell): number {
    const line = (this.#rowAt.get(row) ?? -1) * this.faults.length + (this.#faultAt.get(fault) ?? -1)
    const { targets, clients } = this
    return (line * targets.length + targets.indexOf(target)) * clients.length + clients.indexOf(client)
  }

  *cells(): Generator<Cell> {
    for (const target of this.targets)
      for (const client of this.clients)
        for (const row of this.rows)
          for (const fault of this.faults) {
            const cell = { row, fault, target, client }
            if (this.has(cell)) yield cell
          }
  }
  /** Cells that say nothing. */
  get empty(): readonly Cell[] {
    return [...this.cells()].filter(cell => this.get(cell) === undefined)
  }
  /** Cells that say what they would show if somebody played them. */
  get foretold(): readonly Cell[] {
    return [...this.cells()].filter(cell => this.#foretold.has(this.#placeOf(cell)))
  }
  count(test: (result: Result | undefined) => boolean): number {
    return [...this.cells()].filter(cell => test(this.get(cell))).length
  }
}

export const nameOf = ({ row, fault, target, client }: Cell): string =>
  `${row.label} · ${fault.title} · ${target} · ${client === 'stays' ? client : `leaves: ${client}`}`
