import type { FallbackTable } from '../../src/config/config.ts'
import { type Mutant, small } from './mutants.ts'
import { isStream, overConfig, overText } from './sabotage.ts'
import type { Scenario } from './scenario.ts'

/** What a failover brings along, what it keeps and how long it may take, with one part broken. */

const forgetful = (table: FallbackTable | undefined): FallbackTable | undefined =>
  table &&
  new Map([...table].map(([name, targets]) => [name, targets.map(one => ({ ...one, overrides: {} }))]))

const failing = small([{ at: 0, endpoint: 'chat', model: 'g1' }], {
  'u1/m1': { acts: [{ act: 'refuse', error: 'gone' }] },
})

/** The same, and the second group gets a value of its own. */
const giving: Scenario = {
  ...failing,
  config: {
    ...failing.config,
    router_settings: { fallbacks: [{ g1: [{ model: 'g2', temperature: 0.5 }] }], num_retries: 0 },
  },
}

export const FAILOVER_MUTANTS: readonly Mutant[] = [
  {
    breaks: 'a fallback entry that forgets its own values',
    noticedBy: 'failoverChangesNothing',
    scenario: giving,
    sabotage: overConfig(config => ({
      ...config,
      router: { ...config.router, fallbacks: forgetful(config.router.fallbacks) },
    })),
  },
  {
    breaks: 'an attempt that begins when the time of its request is over',
    noticedBy: 'nothingStartsAfterTheEnd',
    scenario: small([{ at: 0, endpoint: 'chat', model: 'g1', controls: { timeout: 1 } }]),
    forge: world => {
      world.hits.splice(0, world.hits.length, ...world.hits.map(hit => ({ ...hit, at: hit.at + 1000 })))
    },
  },
  {
    breaks: 'a response with another id at its end',
    noticedBy: 'oneVoiceAfterTheCommit',
    scenario: small([{ at: 0, endpoint: 'responses', model: 'g1', stream: true, unstored: true }]),
    sabotage: overText((text, answer) =>
      isStream(answer) && text.includes('response.completed') ? text.replaceAll('resp_h', 'resp_i') : text,
    ),
  },
]
