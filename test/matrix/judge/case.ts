import type { Usage } from '../../../src/dialects/shape.ts'
import type { FailureClass } from '../../../src/failure.ts'
import type { Heard } from '../../support/heard.ts'
import type { Fault, Meaning } from '../faults/fault.ts'
import type { Row } from '../rows.ts'
import type { Script } from '../script.ts'
import type { Request, Seen } from '../seen.ts'
import type { Target } from '../targets.ts'

/** A deployment's own answer and request, undisturbed. */
export type Direct = {
  /** undefined: the provider has no such thing, and nothing was sent. */
  readonly request: Request | undefined
  readonly healthy: Script | undefined
  /** The row as its provider saw it. */
  readonly asked: Row
  readonly reply: Heard
  /** What the record says was used. */
  readonly usage: Usage | undefined
}

/** One cell that was played, and everything to judge it by. */
export type Case = {
  readonly row: Row
  readonly target: Target
  readonly fault: Fault
  /** What the fault is to the first deployment. */
  readonly meaning: Exclude<Meaning, { kind: 'cannot' }>
  /** The same for each of them. */
  readonly meaningFor: (id: string) => Meaning
  /** What the faulty provider does. */
  readonly script: Script
  readonly direct: ReadonlyMap<string, Direct>
  readonly groupOf: ReadonlyMap<string, string>
  /** Deployments that cannot carry the call, with a word of what they say. */
  readonly refusals: ReadonlyMap<string, string>
  readonly seen: Seen
}

/**
 * Sealed ids name their deployment, and some dialects leave the date to us, which a capsule seals with its summary; all
 * else of two answers is equal.
 */
export const unsealed = (text: string): string =>
  text
    .replace(/"gwc1\.[A-Za-z0-9_-]+"/g, '"gwc1.<sealed>"')
    .replace(/\b([A-Za-z]{1,16}_)[A-Za-z0-9_-]{70,}/g, '$1<sealed>')
    .replace(/"(created|created_at|completed_at)":\d+/g, '"$1":0')

/** The class that the engine gave the first attempt. */
export const firstClass = ({ records }: Seen): FailureClass | undefined => {
  const outcome = records[0]?.steps[0]?.outcome
  return outcome === 'answered' ? undefined : outcome
}

/** Bytes as they are, one character each. */
export const textOf = (bytes: Buffer): string => bytes.toString('latin1')

export const statusOf = ({ head }: Script): number => (typeof head === 'object' ? head.status : 0)
