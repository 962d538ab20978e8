import type { Fault } from './faults/fault.ts'
import { flaps } from './flaps.ts'
import { counted, errorAnswer, estimatedAnswer, passedAnswer, servedAnswer } from './judge/answers.ts'
import { brokenAnswer } from './judge/broken.ts'
import { type Case, firstClass } from './judge/case.ts'
import { always, health, names, path, patience, refusals } from './judge/way.ts'
import { type Expected, expect, isFailureClass } from './oracle.ts'
import {
  COUNTED,
  caseOf,
  firstMeaning,
  type Mark,
  partsFor,
  type Result,
  type Scene,
  type Stayed,
  situationOf,
  unreachable,
} from './scene.ts'
import type { Target } from './targets.ts'

/** An error that a refusal leads to is told apart. */
const markOf = ({ end, refused }: Expected): Mark =>
  end.kind === 'error' && refused !== undefined ? 'refused' : end.kind

const judged = (of: Case, expected: Expected): { mark: Mark; complaints: readonly string[] } => {
  const { end } = expected
  if (end.kind === 'served') return { mark: 'served', complaints: servedAnswer(of, end.group) }
  if (end.kind === 'estimated') return { mark: 'estimated', complaints: estimatedAnswer(of) }
  if (end.kind === 'passed') return { mark: 'passed', complaints: passedAnswer(of) }
  if (end.kind === 'error') return { mark: markOf(expected), complaints: errorAnswer(of, end.status) }
  const { continued, complaints } = brokenAnswer(of, {
    attempts: expected.asked.length,
    mayContinue: end.mayContinue,
  })
  return { mark: continued ? 'continued' : 'broken', complaints }
}

const resultOf = (scene: Scene, target: Target, mark: Mark): Result => {
  const why = mark === 'error' || mark === 'estimated' ? unreachable(scene, target) : undefined
  return why === undefined ? { kind: 'proven', mark } : { kind: 'reason', why }
}

/** What the cell will be when nothing goes wrong with it, as far as the first of its fault's names says. */
export const staysForetold = (scene: Scene, fault: Fault, target: Target): Stayed => {
  const meaning = firstMeaning(scene, fault)
  if (meaning.kind === 'cannot')
    return { result: { kind: 'reason', why: meaning.why }, meaning, expected: undefined }
  if (unreachable(scene, target) === COUNTED)
    return { result: { kind: 'reason', why: COUNTED }, meaning, expected: undefined }
  const name = meaning.kind === 'fails' ? meaning.classes.find(isFailureClass) : undefined
  const expected = expect(situationOf(scene, fault, target), meaning, name)
  return { result: resultOf(scene, target, markOf(expected)), meaning, expected }
}

/** A client that stays until it has its answer, or its error. */
export const stays = async (scene: Scene, fault: Fault, target: Target): Promise<Stayed> => {
  const meaning = firstMeaning(scene, fault)
  if (meaning.kind === 'cannot')
    return { result: { kind: 'reason', why: meaning.why }, meaning, expected: undefined }
  if (unreachable(scene, target) === COUNTED)
    return { result: { kind: 'reason', why: COUNTED }, meaning, expected: undefined }
  if (fault.flap !== undefined) return flaps(scene, fault, target)
  const scriptFor = partsFor(scene, fault, target)
  const seen = await scene.play({ target, request: scene.request, scriptFor, leaves: undefined })
  const of = caseOf(scene, { fault, target, meaning, seen })
  const situation = situationOf(scene, fault, target)
  const expected = expect(situation, meaning, firstClass(seen))
  const { mark, complaints } = judged(of, expected)
  // A group that is asked for what it does not have counts as asked, and nobody sees it.
  const isCounted = mark !== 'broken' && mark !== 'continued' && situation.spoken
  const all = [
    ...always(of),
    ...(isCounted ? counted(of, expected) : []),
    ...names(of, expected),
    ...refusals(of, expected),
    ...path(of, expected),
    ...patience(of),
    ...health(of),
    ...complaints,
  ]
  if (all.length > 0) return { result: { kind: 'red', complaints: all }, meaning, expected }
  return { result: resultOf(scene, target, mark), meaning, expected }
}
