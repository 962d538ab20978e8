import { BODIES } from './bodies.ts'
import { CONNECTIONS } from './connections.ts'
import type { Fault } from './fault.ts'
import { FLOWS } from './flows.ts'
import { REFUSALS } from './refusals.ts'
import { WIRE } from './wire.ts'

/** The columns of the matrix, in the order in which an answer can go wrong. */
export const FAULTS: readonly Fault[] = [...CONNECTIONS, ...REFUSALS, ...BODIES, ...FLOWS, ...WIRE]
