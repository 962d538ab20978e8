import { FOREIGN_REASONING, FOREIGN_SEAL, isForeignReasoning } from '../dialects/responses-seal.ts'
import { asBuffer } from '../wire/bytes.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import type { Ask } from './provider.ts'

const NO_EDITS: readonly Edit[] = []

/** What both marks hold: one search instead of two for requests without any. */
const COMMON = Buffer.from('understudy')
/** The marks are written here and come back unchanged; a client that spells them with escapes has made them up. */
const MARKS = [FOREIGN_SEAL, FOREIGN_REASONING].map(mark => Buffer.from(`"${mark}`))

const isMarked = ({ bytes, members }: JsonIndex): boolean => {
  const input = members.get('input')
  if (input === undefined) return false
  const within = asBuffer(bytes).subarray(input.start, input.end)
  return within.includes(COMMON) && MARKS.some(mark => within.includes(mark))
}

/**
 * Reasoning that came of a failover to another dialect leaves a request that goes to a provider of the Responses API:
 * it has no such item stored and cannot read its ciphertext. One search of the bytes settles nearly every request.
 */
export const foreignReasoning = (ask: Ask): readonly Edit[] => {
  if (ask.body.kind !== 'json' || !ask.route.upstream.startsWith('/responses')) return NO_EDITS
  const { index } = ask.body
  if (!isMarked(index)) return NO_EDITS
  // Places in the list are those after the edits before this one.
  const edited = ask.edits.some(edit => edit.path[0] === 'input')
    ? indexObject(joinSegments(applyEdits(index, ask.edits)))
    : index
  const input = valueAt(edited, 'input')
  if (!Array.isArray(input)) return NO_EDITS
  const places = input.flatMap((item, at) => (isForeignReasoning(item) ? [at] : []))
  // From the end: a place moves when one before it goes.
  return places.reverse().map(at => ({ op: 'drop', path: ['input', String(at)], why: 'foreign-reasoning' }))
}
