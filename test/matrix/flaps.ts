import type { Fault } from './faults/fault.ts'
import { errorAnswer, estimatedAnswer, passedAnswer, servedAnswer } from './judge/answers.ts'
import type { Case } from './judge/case.ts'
import { always, requests } from './judge/way.ts'
import { type Expected, expect, isCount, isFailureClass } from './oracle.ts'
import {
  caseOf,
  meaningFor,
  partsFor,
  type Result,
  type Scene,
  type Stayed,
  situationOf,
  unreachable,
} from './scene.ts'
import type { Seen } from './seen.ts'
import { FIRST, FOREIGN, LEAD, type Target } from './targets.ts'

/** After an outage the first deployment is used again within this. */
const BACK_MS = 30_000
/** A call that finds everybody resting is told so. */
const RESTING = 429

type Outage = { readonly downMs: number; readonly calls: number; readonly everyMs: number }

/** What a call in the outage comes to. The same deployment is down for the second attempt as well. */
const duringOutage = (scene: Scene, fault: Fault, target: Target): Expected => {
  const meaning = meaningFor(scene, fault, FIRST)
  if (meaning.kind === 'cannot') throw new Error('an outage can be anywhere')
  const name = meaning.kind === 'fails' ? meaning.classes.find(isFailureClass) : undefined
  const expected = expect(situationOf(scene, fault, target), meaning, name)
  if (target !== 'again' || meaning.kind !== 'fails') return expected
  const end: Expected['end'] = isCount(scene.row)
    ? { kind: 'estimated' }
    : { kind: 'error', status: meaning.status }
  return { ...expected, end }
}

/** Who was asked, and how often, follows from what rests by now: only the answer is fixed. */
const oneCall = (of: Case, expected: Expected, isDown: boolean): readonly string[] => {
  const { seen } = of
  const complaints = [...always(of), ...requests(of)]
  const counted = of.row.pair === undefined ? LEAD : FOREIGN
  const group = of.groupOf.get(seen.asked.at(-1)?.id ?? '') ?? counted
  if (!isDown) return [...complaints, ...servedAnswer(of, group)]
  if (expected.end.kind === 'served') return [...complaints, ...servedAnswer(of, expected.end.group)]
  if (expected.end.kind === 'estimated') return [...complaints, ...estimatedAnswer(of)]
  if (expected.end.kind === 'passed') return [...complaints, ...passedAnswer(of)]
  const status =
    seen.heard?.status === RESTING ? RESTING : expected.end.kind === 'error' ? expected.end.status : 0
  return [...complaints, ...errorAnswer(of, status)]
}

const isBack = (seen: Seen, first: string | undefined): boolean => seen.asked.at(-1)?.id === first

/** Everybody is served while the first deployment is down, and it is used again soon after. */
export const flaps = async (scene: Scene, fault: Fault, target: Target): Promise<Stayed> => {
  const meaning = meaningFor(scene, fault, FIRST)
  const outage: Outage | undefined = fault.flap
  if (outage === undefined || scene.playSeries === undefined)
    throw new Error('there is no time for an outage')
  const expected = duringOutage(scene, fault, target)
  const plan = {
    target,
    request: scene.request,
    scriptFor: partsFor(scene, fault, target),
    leaves: undefined,
  }
  const calls = await scene.playSeries(plan, outage)
  const first = calls[0]?.asked[0]?.id
  const complaints = calls.flatMap((seen, number) => {
    const isDown = number * outage.everyMs < outage.downMs
    const of = caseOf(scene, { fault, target, meaning, seen })
    return oneCall(of, expected, isDown).map(text => `call ${number + 1}: ${text}`)
  })
  const since = (number: number): number => number * outage.everyMs - outage.downMs
  const back = calls.some(
    (seen, number) => since(number) >= 0 && since(number) <= BACK_MS && isBack(seen, first),
  )
  const all = back ? complaints : [...complaints, `${first} was not used again within ${BACK_MS} ms`]
  if (all.length > 0) return { result: { kind: 'red', complaints: all }, meaning, expected }
  return { result: resultOf(scene, target, expected), meaning, expected }
}

const resultOf = (scene: Scene, target: Target, { end }: Expected): Result => {
  const why = unreachable(scene, target)
  return (end.kind === 'error' || end.kind === 'estimated') && why !== undefined
    ? { kind: 'reason', why }
    : { kind: 'proven', mark: end.kind }
}
