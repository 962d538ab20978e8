import type { Check, Finding } from './checks.ts'
import type { Observation } from './observation.ts'

/**
 * pass: rescued, every check holds. partial: rescued, an advisory check fails; or answered by going round a refusal.
 * safe: not rescued, but a clear end in time and every required check holds. fail: a required check fails, a call
 * that does not end, or a cut answer that looks whole.
 */
export type Verdict = 'pass' | 'partial' | 'safe' | 'fail'

export type Judged = {
  readonly verdict: Verdict
  readonly reason: string
  readonly findings: readonly (Finding & { readonly check: Check })[]
}

/** What the scenario wants for the client: the answer, or the provider's refusal. */
export type Ideal = 'answer' | 'refusal'

const named = (findings: Judged['findings']): string =>
  findings.map(({ check, why }) => `${check.id} (${why})`).join('; ')

export const judge = (ideal: Ideal, checks: readonly Check[], seen: Observation): Judged => {
  const findings = checks.map(check => ({ check, ...check.judge(seen) }))
  const failed = (rank: Check['rank']) =>
    findings.filter(({ ok, check }) => ok === false && check.rank === rank)
  const end = (verdict: Verdict, reason: string): Judged => ({ verdict, reason, findings })
  const { calls } = seen
  if (calls.some(({ outcome }) => outcome === 'hang')) return end('fail', 'a call did not end')
  const cut = calls.find(({ outcome, complete }) => outcome === 'answer' && !complete)
  if (cut !== undefined) return end('fail', `presented as a success: ${cut.told}`)
  const required = failed('required')
  if (required.length > 0) return end('fail', named(required))
  const answered = calls.every(({ outcome }) => outcome === 'answer')
  if (ideal === 'refusal' && answered) return end('partial', 'answered by going round the refusal')
  const advisory = failed('advisory')
  if (ideal === 'refusal' ? calls.every(({ outcome }) => outcome === 'error') : answered)
    return advisory.length > 0
      ? end('partial', named(advisory))
      : end(
          'pass',
          failed('told')
            .map(({ why }) => why)
            .join('; '),
        )
  const lost = calls.filter(({ outcome }) => outcome === 'error')
  return end('safe', calls.length > 1 ? `${lost.length} calls not rescued: ${lost[0]?.told}` : 'not rescued')
}
