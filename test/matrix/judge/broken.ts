import { endingOf } from '../../support/answers.ts'
import type { Heard } from '../../support/heard.ts'
import { saidIn } from '../said.ts'
import { FIRST } from '../targets.ts'
import { wholly } from './answers.ts'
import { type Case, statusOf, unsealed } from './case.ts'
import { formOfAnswer } from './dialects/index.ts'

/** Whoever stands in has been answered before he breaks. */
const BEGUN = 200

/** Somebody else had gone on with it, in pieces of his own, before he broke as well. */
const isBeginning = ({ row, seen }: Case, told: string, own: string): boolean =>
  seen.asked.length > 1 && saidIn(row.route.shape, own).startsWith(saidIn(row.route.shape, told))

/** The stream told what its provider said before it broke, then its dialect's error, and no success. */
const brokenEvents = (of: Case, heard: Heard, by: string): readonly string[] => {
  const text = heard.body.toString()
  const ending = endingOf(text)
  const own = unsealed(of.direct.get(by)?.reply.body.toString() ?? '').replaceAll(
    `"${by}"`,
    `"${of.groupOf.get(by)}"`,
  )
  const lastEvent = text.lastIndexOf('\n\n', text.length - 3)
  const told = text.slice(0, lastEvent + 2)
  const before = unsealed(told)
  return [
    ...wholly(of),
    ...(ending.successes === 0 ? [] : ['a truncated answer looks whole']),
    ...formOfAnswer(of.row, heard, 'error'),
    ...(ending.stops === 0 ? [] : ['[DONE] that nobody sent']),
    ...(ending.errors === 1 ? [] : [`${ending.errors} error events`]),
    ...(before !== '' && (own.startsWith(before) || isBeginning(of, told, own))
      ? []
      : [`what came before the break: ${before.slice(0, 200)}`]),
  ]
}

const isContinued = (heard: Heard): boolean => {
  const { successes, errors } = endingOf(heard.body.toString())
  return successes === 1 && errors === 0
}

/** One answer out of two, and no byte of its text is missing or said twice. */
const continued = (of: Case, heard: Heard, by: string): readonly string[] => {
  const { shape } = of.row.route
  const own = of.direct.get(by)?.reply.body.toString() ?? ''
  const [given, wanted] = [saidIn(shape, heard.body.toString()), saidIn(shape, own)]
  return [
    ...wholly(of),
    ...formOfAnswer(of.row, heard, 'whole'),
    ...(given === wanted ? [] : [`continued to ${given.slice(0, 200)}`]),
  ]
}

const recordedAsBroken = ({ seen: { records } }: Case): readonly string[] =>
  records[0]?.end === 'upstream_broke' ? [] : [`recorded as ${records[0]?.end}`]

/** What became of an answer that broke after its beginning; `attempts`: so many had been made by then. */
export const brokenAnswer = (
  of: Case,
  { attempts, mayContinue }: { readonly attempts: number; readonly mayContinue: boolean },
): { readonly continued: boolean; readonly complaints: readonly string[] } => {
  const { heard } = of.seen
  const by = of.seen.asked[attempts - 1]?.id ?? FIRST
  if (heard === undefined) return { continued: false, complaints: ['no answer'] }
  if (of.row.kind === 'events' && heard.status >= 400)
    return { continued: false, complaints: [`status ${heard.status}: nothing had begun`] }
  const told = [
    ...(heard.status === (by === FIRST ? statusOf(of.script) : BEGUN) ? [] : [`status ${heard.status}`]),
    ...recordedAsBroken(of),
  ]
  if (of.row.kind === 'bytes') {
    const looksWhole = heard.whole && of.seen.released === 'ended'
    return {
      continued: false,
      complaints: [...told, ...(looksWhole ? ['truncated bytes look whole'] : [])],
    }
  }
  if (mayContinue && isContinued(heard)) return { continued: true, complaints: continued(of, heard, by) }
  return { continued: false, complaints: [...told, ...brokenEvents(of, heard, by)] }
}
