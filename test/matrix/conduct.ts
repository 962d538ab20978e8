import type { Sabotage } from './engine.ts'
import type { Fault } from './faults/fault.ts'
import { leaves, leavesForetold } from './leaves.ts'
import type { Row } from './rows.ts'
import type { Scene, Stayed } from './scene.ts'
import { PHASES } from './seen.ts'
import type { Cell, Sheet } from './sheet.ts'
import { stays, staysForetold } from './stays.ts'
import { TARGETS, type Target } from './targets.ts'
import { untrusted } from './tcp/certificate.ts'
import { Lane } from './tcp/lane.ts'
import { hasTcp, hasTcpLeaving, tcpScene } from './tcp/scene.ts'
import { type Halves, type Rehearsal, rehearse } from './virtual/rehearsal.ts'
import { virtualScene } from './virtual/scene.ts'

/** Gateways that play at the same time over TCP: more of them only wait for each other. */
const LANES = 4

export type Wanted = {
  /** Cells of clients that leave, too. */
  readonly leaving: boolean
  readonly sabotage?: Sabotage
  /** Which cells are played, of clients that stay; the others are foretold. Default: all. */
  readonly plays?: (cell: Cell) => boolean
}

/** Plays every cell of one row in virtual time; what only a wire can show is foretold. */
export const conductRow = async (sheet: Sheet, rehearsal: Rehearsal, wanted: Wanted): Promise<void> => {
  const { row } = rehearsal
  const scene = virtualScene(rehearsal, { sabotage: wanted.sabotage })
  for (const fault of sheet.faults) {
    for (const target of sheet.targets) {
      const cell: Cell = { row, fault, target, client: 'stays' }
      if (!sheet.has(cell)) continue
      if (fault.wire === 'only' || wanted.plays?.(cell) === false) {
        foretell(sheet, scene, fault, target)
        continue
      }
      const stayed = await stays(scene, fault, target)
      sheet.put(cell, 'virtual time', stayed.result)
      if (!wanted.leaving) continue
      for (const phase of PHASES) {
        const result = await leaves(scene, { fault, target, phase }, stayed)
        sheet.put({ row, fault, target, client: phase }, 'virtual time', result)
      }
    }
  }
}

const foretell = (sheet: Sheet, scene: Scene, fault: Fault, target: Target): void => {
  const { row } = scene
  const stayed = staysForetold(scene, fault, target)
  sheet.foretell({ row, fault, target, client: 'stays' }, stayed.result)
  for (const phase of PHASES.filter(one => sheet.clients.includes(one)))
    sheet.foretell(
      { row, fault, target, client: phase },
      leavesForetold(scene, { fault, target, phase }, stayed),
    )
}

/** One thing to play on a lane. */
type Job = (lane: Lane) => Promise<void>

const onLanes = async (jobs: readonly Job[], sabotage?: Sabotage): Promise<void> => {
  const certificate = untrusted()
  const lanes = Array.from({ length: LANES }, () => new Lane(certificate, sabotage))
  const left = [...jobs]
  const work = async (lane: Lane): Promise<void> => {
    await lane.open()
    try {
      for (let job = left.shift(); job !== undefined; job = left.shift()) await job(lane)
    } finally {
      await lane.close()
    }
  }
  await Promise.all(lanes.map(work))
}

type Part = {
  readonly sheet: Sheet
  readonly rehearsal: Rehearsal
  readonly fault: Fault
  readonly target: Target
}

const stayOnTcp = async ({ sheet, rehearsal, fault, target }: Part, lane: Lane): Promise<Stayed> => {
  const stayed = await stays(tcpScene(rehearsal, fault, lane), fault, target)
  sheet.put({ row: rehearsal.row, fault, target, client: 'stays' }, 'TCP', stayed.result)
  return stayed
}

/** Every row and every fault of the wire once, each time at the next target. */
export const conductWireOnce = (sheet: Sheet, rehearsals: readonly Rehearsal[]): Promise<void> => {
  let next = 0
  const jobs = rehearsals.flatMap(rehearsal =>
    sheet.faults
      .filter(fault => fault.wire !== undefined)
      .map((fault): Job => {
        const targets = TARGETS.filter(target => hasTcp(rehearsal, fault, target))
        const target = targets[next++ % targets.length] ?? 'none'
        return async lane => void (await stayOnTcp({ sheet, rehearsal, fault, target }, lane))
      }),
  )
  return onLanes(jobs)
}

/** Every row, every fault of the wire, every target, every client. */
export const conductWire = (
  sheet: Sheet,
  rehearsals: readonly Rehearsal[],
  { leaving, sabotage }: Wanted,
): Promise<void> => {
  const parts = rehearsals.flatMap(rehearsal =>
    sheet.faults.flatMap(fault =>
      TARGETS.filter(target => hasTcp(rehearsal, fault, target)).map(
        (target): Part => ({ sheet, rehearsal, fault, target }),
      ),
    ),
  )
  const jobs = parts.map(
    (part): Job =>
      async lane => {
        const { rehearsal, fault, target } = part
        const stayed = await stayOnTcp(part, lane)
        if (!leaving || !hasTcpLeaving(rehearsal, fault, target)) return
        const scene = tcpScene(rehearsal, fault, lane)
        for (const phase of PHASES) {
          const result = await leaves(scene, { fault, target, phase }, stayed)
          sheet.put({ row: rehearsal.row, fault, target, client: phase }, 'TCP', result)
        }
      },
  )
  return onLanes(jobs, sabotage)
}

export const rehearseAll = async (rows: readonly Row[]): Promise<readonly Rehearsal[]> => {
  const rehearsals: Rehearsal[] = []
  const halves: Halves = new Map()
  for (const row of rows) rehearsals.push(await rehearse(row, halves))
  return rehearsals
}
