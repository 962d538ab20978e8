import type { Notice, Place } from './config.ts'

/** Collects the load report. The file is accepted when no error was said. */
export type Report = {
  readonly say: (level: Notice['level'], key: string, place: Place | undefined, text: string) => void
  readonly error: (key: string, place: Place | undefined, text: string) => void
  readonly warning: (key: string, place: Place | undefined, text: string) => void
  readonly differs: (key: string, place: Place | undefined, text: string) => void
  readonly later: (key: string, place: Place | undefined, text: string) => void
  readonly notices: () => readonly Notice[]
  readonly failed: () => boolean
}

export const makeReport = (): Report => {
  const notices: Notice[] = []
  const said = new Set<string>()
  const say: Report['say'] = (level, key, place, text) => {
    // One entry of the file may stand for several deployments, each of which finds the same.
    const whole = JSON.stringify([level, key, place ?? null, text])
    if (said.has(whole)) return
    said.add(whole)
    notices.push(Object.freeze({ level, key, place, text }))
  }
  const at =
    (level: Notice['level']): Report['error'] =>
    (key, place, text) =>
      say(level, key, place, text)
  return {
    say,
    error: at('error'),
    warning: at('warning'),
    differs: at('differs'),
    later: at('later'),
    notices: () => [...notices],
    failed: () => notices.some(notice => notice.level === 'error'),
  }
}

/** Dotted path of the load report: join('model_list', 2, 'model_name') is model_list[2].model_name. */
export const join = (...steps: readonly PropertyKey[]): string =>
  steps.reduce<string>((path, step) => {
    if (typeof step === 'number') return `${path}[${step}]`
    return path === '' ? String(step) : `${path}.${String(step)}`
  }, '')

/** Optimal string alignment distance: insert, delete, replace, or swap of neighbours cost one each. */
export const distance = (left: string, right: string): number => {
  let before: number[] = []
  let above = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const line = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      line.push(cost)
    }
    before = above
    above = line
  }
  return above[right.length] ?? 0
}

/** Text longer than this is no typo of anything; it bounds the cost of the comparison. */
const LONGEST_GUESS = 100

/** The known word closest to a mistyped one, when it is close enough to be meant. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  if (word.length > LONGEST_GUESS) return undefined
  let best: string | undefined
  let least = Math.min(3, Math.ceil(word.length / 4)) + 0.5
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > least) continue
    const cost = distance(word.toLowerCase(), candidate.toLowerCase())
    // Nothing in common is no likeness, however short the words are.
    if (cost < least && cost < Math.max(word.length, candidate.length)) [best, least] = [candidate, cost]
  }
  return best
}

/** ' Did you mean x?' with its leading space, or ''. */
export const didYouMean = (word: string, known: Iterable<string>): string => {
  const guess = nearest(word, known)
  return guess === undefined ? '' : ` Did you mean ${guess}?`
}
