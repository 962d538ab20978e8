import type { JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY } from './client.ts'
import type { Act, Scenario } from './scenario.ts'

/** A schedule that once broke an invariant, as small as it could be made, and what it guards since. */
export type Found = {
  readonly name: string
  /** The invariant that did not hold. */
  readonly guards: string
  readonly scenario: Scenario
  /** Why it still does not hold. The test fails when it does, so that this is taken out. */
  readonly pending?: string
}

const general_settings = { master_key: MASTER_KEY }

/** A deployment of its own provider. */
const lead = (group: string, number: number): Scenario['config'] => ({
  model_name: group,
  litellm_params: {
    model: `openai/m${number}`,
    api_base: `http://u${number}.sim/v1`,
    api_key: `sk-sim-u${number}`,
  },
  model_info: { id: `d${number}` },
})

const withParams = (entry: JsonObject, params: JsonObject): JsonObject => ({
  ...entry,
  litellm_params: { ...(entry.litellm_params as JsonObject), ...params },
})

const withInfo = (entry: JsonObject, info: JsonObject): JsonObject => ({
  ...entry,
  model_info: { ...(entry.model_info as JsonObject), ...info },
})

const refusals = (length: number): readonly Act[] =>
  Array.from({ length }, (): Act => ({ act: 'refuse', error: 'server' }))

/** Paste what `npm run simulate` prints here, and give it a name that says what is guarded. */
export const FOUND: readonly Found[] = [
  {
    name: 'a deployment that timed out is not asked again, although an earlier failure of it would have allowed that',
    guards: 'barredDeploymentsAreNotAskedAgain',
    scenario: {
      seed: 49,
      config: { model_list: [lead('g1', 1)], router_settings: { timeout: 5 }, general_settings },
      upstreams: {
        'u1/m1': {
          acts: [
            { act: 'refuse', error: 'overloaded' },
            { act: 'hang', at: 'head' },
          ],
        },
      },
      clients: [{ at: 0, endpoint: 'chat', model: 'g1' }],
      reloads: [],
    },
  },
  {
    name: 'an event stream is no transcript: what was asked for as a document is not answered with events',
    guards: 'failuresAreNamedRight',
    scenario: {
      seed: 1,
      config: { model_list: [lead('g1', 1)], router_settings: { num_retries: 0 }, general_settings },
      upstreams: { 'u1/m1': { acts: [{ act: 'garble', what: 'events' }] } },
      clients: [{ at: 0, endpoint: 'transcriptions', model: 'g1' }],
      reloads: [],
    },
  },
  {
    name: 'the first attempt of a request waits for its only domain too',
    guards: 'retryAfterIsALowerBound',
    scenario: {
      seed: 81,
      config: { model_list: [lead('g1', 1)], router_settings: {}, general_settings },
      upstreams: {
        'u1/m1': { acts: [{ act: 'refuse', error: 'overloaded', wait: { form: 'seconds', ms: 90_000 } }] },
      },
      clients: [
        { at: 0, endpoint: 'chat', model: 'g1' },
        { at: 16_000, endpoint: 'chat', model: 'g1' },
      ],
      reloads: [],
    },
  },
  {
    name: 'when everybody rests for soft failures, somebody is asked all the same',
    guards: 'servedIfAnyWouldAnswer',
    scenario: {
      seed: 1,
      config: {
        model_list: [lead('g1', 1), lead('g1', 2)],
        router_settings: { num_retries: 1 },
        general_settings,
      },
      upstreams: { 'u1/m1': { acts: refusals(5) }, 'u2/m2': { acts: refusals(5) } },
      // Five fail at both; the last comes when both are well again and still rest.
      clients: [0, 100, 200, 300, 400, 2000].map(at => ({ at, endpoint: 'chat', model: 'g1' })),
      reloads: [],
    },
  },
  {
    name: 'num_retries of the deployment that broke holds after the break too',
    guards: 'attemptsAreBounded',
    scenario: {
      seed: 973,
      config: {
        model_list: [withParams(lead('g1', 1), { num_retries: 0 })],
        router_settings: {},
        general_settings,
      },
      upstreams: { 'u1/m1': { acts: [{ act: 'cut', after: 2, how: 'reset' }] } },
      clients: [{ at: 0, endpoint: 'chat', stream: true, model: 'g1' }],
      reloads: [],
    },
  },
  {
    name: 'a fallback group that has nobody to ask is no reason to turn somebody away from the first one',
    guards: 'servedIfAnyWouldAnswer',
    scenario: {
      seed: 1,
      config: {
        model_list: [lead('g1', 1), lead('g1', 2), lead('g2', 3)],
        router_settings: { num_retries: 1, fallbacks: [{ g1: ['g2'] }] },
        general_settings,
      },
      // d3 has no money left; d1 and d2 fail until they rest, and are well then.
      upstreams: {
        'u1/m1': { acts: refusals(3) },
        'u2/m2': { acts: refusals(3) },
        'u3/m3': { acts: [{ act: 'refuse', error: 'money' }] },
      },
      clients: [0, 100, 200, 2000].map(at => ({ at, endpoint: 'chat', model: 'g1' })),
      reloads: [],
    },
  },
  {
    name: 'whoever goes on with a broken stream waits for a slow reader, and not for ever',
    guards: 'everyRequestEnds',
    scenario: {
      seed: 305197,
      config: {
        model_list: [
          lead('g1', 1),
          lead('g1', 2),
          withInfo(lead('g2', 3), { supports_assistant_prefill: true }),
        ],
        router_settings: { fallbacks: [{ g1: ['g2'] }] },
        general_settings,
      },
      upstreams: {
        'u1/m1': {
          acts: [],
          outage: { from: 9000, until: 49_000, act: { act: 'cut', after: 1, how: 'reset' } },
        },
        'u2/m2': { acts: [{ act: 'answer' }, { act: 'answer', gap: 1500 }] },
      },
      clients: [
        { at: 10_000, endpoint: 'chat', stream: true, model: 'g1', slow: 700 },
        { at: 10_000, endpoint: 'chat', model: 'g1' },
      ],
      reloads: [],
    },
  },
  {
    name: 'whoever waited in a queue for nothing is served by a deployment that is back meanwhile',
    guards: 'nobodyIsTurnedAwayFromAFreeDeployment',
    scenario: {
      seed: 318825,
      config: {
        model_list: [lead('g1', 1), withParams(lead('g1', 2), { order: 2 })],
        router_settings: {
          allowed_fails_policy: { TimeoutErrorAllowedFails: 0 },
          attempt_timeout: 5,
          default_max_parallel_requests: 1,
        },
        general_settings,
      },
      upstreams: {
        'u1/m1': { acts: [{ act: 'break', fault: 'connect_timeout', sent: false }] },
        'u2/m2': {
          acts: [],
          outage: { from: 0, until: 500, act: { act: 'refuse', error: 'busy', head: 6000 } },
        },
      },
      clients: [
        { at: 0, endpoint: 'chat', model: 'g1' },
        { at: 0, endpoint: 'chat', model: 'g1' },
      ],
      reloads: [],
    },
  },
  {
    name: 'whoever waits for a domain with many others waits no longer than its own time',
    guards: 'answersBeginInTime',
    scenario: {
      seed: 524121,
      config: { model_list: [lead('g1', 1)], router_settings: { total_timeout: 20 }, general_settings },
      upstreams: {
        'u1/m1': {
          acts: [],
          outage: {
            from: 0,
            until: 41_000,
            act: { act: 'refuse', error: 'rate_limit', wait: { form: 'seconds', ms: 20_000 } },
          },
        },
      },
      // One after the other is told to wait; whoever comes later waits for what the first was told.
      clients: Array.from({ length: 15 }, (_, at) => ({ at: at * 20, endpoint: 'chat', model: 'g1' })),
      reloads: [],
    },
  },
  {
    name: 'a prompt that one of a hedged pair found too long goes to nobody who does not say that it fits, whatever the other one failed with',
    guards: 'longPromptsGoToLargerOnes',
    scenario: {
      seed: 3226,
      config: {
        model_list: [
          withParams(lead('g2', 3), { order: 1 }),
          withParams(lead('g2', 4), { order: 1 }),
          lead('g2', 6),
        ],
        router_settings: { hedge: { '*': { after: 0.02, max_percent: 100 } } },
        general_settings,
      },
      upstreams: {
        'u3/m3': { acts: [{ act: 'fail_inside', error: 'window', after: 3 }] },
        'u4/m4': { acts: [{ act: 'fail_inside', error: 'bad_request', after: 0 }] },
      },
      clients: [{ at: 0, endpoint: 'chat', model: 'g2' }],
      reloads: [],
    },
  },
]
