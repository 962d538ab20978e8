import type { Fault } from '../faults/fault.ts'
import { type Plan, type Scene, struckScript } from '../scene.ts'
import type { Script } from '../script.ts'
import { FIRST, type Target } from '../targets.ts'
import type { Lane } from './lane.ts'

const faulty = (rehearsal: Omit<Scene, 'play'>, fault: Fault): Script => struckScript(rehearsal, fault, FIRST)

/** A shut door is an address, and an address does not change between two attempts. */
export const hasTcp = (rehearsal: Omit<Scene, 'play'>, fault: Fault, target: Target): boolean =>
  fault.wire !== undefined && (target !== 'again' || faulty(rehearsal, fault).door === 'open')

/** Nobody but the one behind the fault may serve: all fail alike, or whoever speaks another dialect has another model. */
const leadsNowhere = ({ row }: Omit<Scene, 'play'>, target: Target): boolean =>
  target === 'none' || (target === 'dialect' && row.route.crossing === 'same-model')

/** Nor can a client leave between two steps of a connection that is refused at once. */
export const hasTcpLeaving = (rehearsal: Omit<Scene, 'play'>, fault: Fault, target: Target): boolean =>
  hasTcp(rehearsal, fault, target) &&
  (!leadsNowhere(rehearsal, target) || faulty(rehearsal, fault).door === 'open')

/** A row with a gateway on real sockets. */
export const tcpScene = (rehearsal: Omit<Scene, 'play'>, fault: Fault, lane: Lane): Scene => {
  const script = faulty(rehearsal, fault)
  // Whoever can be reached where the fault is an address is healthy.
  const reached: Plan['scriptFor'] = ({ id }) => {
    const healthy = rehearsal.direct.get(id)?.healthy
    if (healthy === undefined) throw new Error(`nobody knows the part of ${id}`)
    return healthy
  }
  return {
    ...rehearsal,
    play: plan => {
      const scriptFor = script.door === 'open' ? plan.scriptFor : reached
      return lane.play({ row: rehearsal.row, plan: { ...plan, scriptFor }, script })
    },
  }
}
