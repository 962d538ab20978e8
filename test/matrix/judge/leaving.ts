import type { Expected } from '../oracle.ts'
import type { Leaving } from '../scene.ts'
import type { Case } from './case.ts'
import { path } from './way.ts'

/** From the client's leaving to its upstream's end, in milliseconds. */
const NOTICED_MS = 250

/** The client is gone: its upstream is closed, nobody else is asked, nothing is held and nobody is blamed. */
export const leaving = (
  of: Case,
  expected: Expected,
  { attempt, phase, begun }: Leaving,
): readonly string[] => {
  const { seen } = of
  if (seen.leftAt === undefined) return [`the moment (${phase}) never came`]
  const worked = seen.asked[attempt]
  if (worked === undefined) return ['nobody was at work when the client left']
  const complaints = [...path(of, { ...expected, asked: expected.asked.slice(0, attempt + 1) })]
  if (worked.over !== 'aborted') complaints.push(`its upstream is ${worked.over ?? 'open still'}`)
  const late = worked.overAt - seen.leftAt
  if (late > NOTICED_MS) complaints.push(`its upstream was closed ${Math.round(late)} ms later`)
  const heard = (seen.heard?.body.length ?? 0) > 0
  if (heard !== begun)
    complaints.push(heard ? 'the client had heard something' : 'the client had heard nothing')
  const last = seen.ends?.at(-1)
  if (last !== undefined && last.kind !== 'neutral') complaints.push(`settled as ${last.kind}`)
  const blamed = seen.resting.after.filter(id => !seen.resting.atLeave.includes(id))
  if (blamed.length > 0) complaints.push(`blamed for it: ${blamed.join(', ')}`)
  const [record] = seen.records
  if (record?.end !== 'client_left') complaints.push(`recorded as ${record?.end}`)
  return complaints
}
