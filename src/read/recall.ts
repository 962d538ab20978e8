import type { Call } from '../call.ts'
import type { House } from '../house.ts'
import { withCopies } from './copies.ts'
import { withShadows } from './shadows.ts'

/** Whether something that the call holds may be known here by more than its name. */
export const isToRecall = ({ named, natives }: Call): boolean => named.length > 0 || natives.length > 0

/** The call with what is kept here of the items that it names, and of the compactions that only their maker can read. */
export const recall = async (call: Call, house: Pick<House, 'copies' | 'keep' | 'seal'>): Promise<Call> => {
  const copied = call.named.length > 0 ? await withCopies(call, house) : call
  return copied.natives.length > 0 ? withShadows(copied, house) : copied
}
