import type { Signal } from '../../src/signal.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY } from './client.ts'
import type { Mutant } from './mutants.ts'
import { overBoard, overConfig, overRecord, overTransport } from './sabotage.ts'
import type { Scenario } from './scenario.ts'
import { standIn } from './stand-in.ts'

/** Hedging with one part broken. */

/** One group of two providers that are always slow, which hedges as much as it is told to. */
const hedging = (maxPercent: number, clients: number): Scenario => ({
  seed: 1,
  config: {
    model_list: ['1', '2'].map(number => ({
      model_name: 'g1',
      litellm_params: {
        model: `openai/m${number}`,
        api_base: `http://u${number}.sim/v1`,
        api_key: `sk-sim-u${number}`,
      },
      model_info: { id: `d${number}` },
    })),
    router_settings: { hedge: { g1: { after: 0.1, max_percent: maxPercent } } },
    general_settings: { master_key: MASTER_KEY },
  },
  upstreams: Object.fromEntries(
    ['u1/m1', 'u2/m2'].map(name => [
      name,
      { acts: Array.from({ length: 2 * clients }, () => ({ act: 'answer', head: 3000 }) as const) },
    ]),
  ),
  clients: Array.from({ length: clients }, (_, at) => ({ at: at * 10_000, endpoint: 'chat', model: 'g1' })),
  reloads: [],
})

/** Hears only of the client: that another attempt has answered does not get through. */
const deaf = (signal: Signal): Signal =>
  standIn(signal, {
    addEventListener: (type, listener) =>
      signal.addEventListener(type, () => {
        if (signal.reason === undefined) listener()
      }),
  })

/** The same file, from before anybody had written it. */
const unhedged = (scenario: Scenario): Scenario => {
  const { hedge: _hedge, ...router_settings } = scenario.config.router_settings as JsonObject
  return { ...scenario, config: { ...scenario.config, router_settings } }
}

export const HEDGE_MUTANTS: readonly Mutant[] = [
  {
    breaks: 'the one who was outrun is left open',
    noticedBy: 'hedgesAreFewAndAlone',
    scenario: hedging(100, 1),
    sabotage: overTransport((send, [draft, headers, limits, signal]) =>
      send(draft, headers, limits, deaf(signal)),
    ),
  },
  {
    breaks: 'hedges that nobody has earned',
    noticedBy: 'hedgesAreFewAndAlone',
    scenario: hedging(5, 3),
    sabotage: overBoard(board => ({ budget: { ...board.budget, mayHedge: () => true } })),
  },
  {
    breaks: 'a request with tools goes to two providers',
    noticedBy: 'hedgesAreFewAndAlone',
    scenario: hedging(100, 1),
    sabotage: overTransport((send, [draft, ...rest]) => {
      const [first, ...others] = draft.body
      const text = Buffer.from(first ?? []).toString()
      return send({ ...draft, body: [Buffer.from(text.replace('{', '{"tools":[{}],')), ...others] }, ...rest)
    }),
  },
  {
    breaks: 'a group that did not ask for it is hedged',
    noticedBy: 'hedgesAreFewAndAlone',
    scenario: unhedged(hedging(100, 1)),
    sabotage: overConfig(config => ({
      ...config,
      router: { ...config.router, hedges: new Map([['*', { after: 100, maxPercent: 100 }]]) },
    })),
  },
  {
    breaks: 'a hedge is told as any other attempt',
    noticedBy: 'hedgesAreFewAndAlone',
    scenario: hedging(100, 1),
    sabotage: overRecord(record => [
      { ...record, steps: record.steps.map(({ hedge: _hedge, ...step }) => step) },
    ]),
  },
]
