import type { RequestRecord } from '../../src/record/trail.ts'
import type { AttemptEnd, Board, Cooling } from '../../src/shared/board.ts'
import { MASTER_KEY } from './client.ts'
import type { Sabotage } from './engine.ts'
import type { World } from './facts.ts'
import {
  AWAKE,
  CarelessSeal,
  cooling,
  isStream,
  overAnswer,
  overBoard,
  overDraft,
  overLease,
  overRecord,
  overSink,
  overText,
  overTransport,
  withMember,
  withRetries,
} from './sabotage.ts'
import type { ClientScript, Scenario } from './scenario.ts'
import { standIn } from './stand-in.ts'

/** A gateway with one broken part, or a story with one false sentence, and the invariant that must notice. */
export type Mutant = {
  readonly breaks: string
  readonly noticedBy: string
  readonly sabotage?: Sabotage
  readonly forge?: (world: World) => void
  /** A schedule in which it shows. Default: any that shows it. */
  readonly scenario?: Scenario
}

const asHealthy = (end: AttemptEnd): AttemptEnd =>
  end.kind === 'neutral' || end.kind === 'success'
    ? end
    : { ...end, failure: { ...end.failure, class: 'quota', status: 429 } }

/** Puts a record in the place of its own. */
const rewrite = (world: World, change: (record: RequestRecord) => RequestRecord): void => {
  world.records.splice(0, world.records.length, ...world.records.map(change))
}

/** Two groups of one deployment each, the first with the second behind it. */
export const small = (clients: readonly ClientScript[], upstreams: Scenario['upstreams'] = {}): Scenario => ({
  seed: 1,
  config: {
    model_list: ['1', '2'].map(number => ({
      model_name: `g${number}`,
      litellm_params: {
        model: `openai/m${number}`,
        api_base: `http://u${number}.sim/v1`,
        api_key: `sk-sim-u${number}`,
      },
      model_info: { id: `d${number}` },
    })),
    router_settings: { fallbacks: [{ g1: ['g2'] }], num_retries: 0 },
    general_settings: { master_key: MASTER_KEY },
  },
  upstreams,
  clients,
  reloads: [],
})

/** Everybody fails the first client and rests; the second is turned away. */
const turnedAway = small(
  [
    { at: 0, endpoint: 'chat', model: 'g1' },
    { at: 1000, endpoint: 'chat', model: 'g1' },
  ],
  {
    'u1/m1': { acts: [{ act: 'refuse', error: 'gone' }] },
    'u2/m2': { acts: [{ act: 'refuse', error: 'gone' }] },
  },
)

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: 'an upstream that is never given up',
    noticedBy: 'everyRequestEnds',
    sabotage: overTransport(() => new Promise(() => {})),
  },
  {
    breaks: 'nobody looks at the time that a client asks for',
    noticedBy: 'answersBeginInTime',
    scenario: small([{ at: 0, endpoint: 'chat', model: 'g1', controls: { timeout: 1 } }], {
      'u1/m1': { acts: [{ act: 'answer', head: 30_000 }] },
    }),
    sabotage: house => ({
      ...house,
      clock: standIn(house.clock, { after: (ms, action) => house.clock.after(ms * 2, action) }),
      transport: standIn(house.transport, {
        send: (draft, headers, limits, signal) =>
          house.transport.send(draft, headers, { ...limits, headersMs: undefined }, signal),
      }),
    }),
  },
  { breaks: 'num_retries is not read', noticedBy: 'attemptsAreBounded', sabotage: withRetries(7) },
  {
    breaks: 'attempts without end, all of them on record',
    noticedBy: 'attemptsAreCapped',
    forge: world => {
      const [hit] = world.hits
      if (hit !== undefined) world.hits.push(...Array.from({ length: 11 }, () => hit))
    },
  },
  {
    breaks: 'whoever is no larger is asked for a prompt that was too long',
    noticedBy: 'longPromptsGoToLargerOnes',
    scenario: small([{ at: 0, endpoint: 'chat', model: 'g1' }], {
      'u1/m1': { acts: [{ act: 'refuse', error: 'window' }] },
    }),
    // The fallback group's deployment, on record as one of the first group.
    forge: world =>
      rewrite(world, record => ({
        ...record,
        steps: record.steps.map(step => ({ ...step, group: 'g1', next: '' })),
      })),
  },
  {
    breaks: 'a deployment that timed out is asked again',
    noticedBy: 'barredDeploymentsAreNotAskedAgain',
    forge: world => {
      const record = world.records.find(
        ({ steps }) => steps.length === 1 && steps[0]?.outcome === 'timeout_headers',
      )
      const hit = world.hits.find(({ client }) => `call-${client}` === record?.callId)
      if (record === undefined || hit === undefined) return
      world.hits.push(hit)
      rewrite(world, one => (one === record ? { ...one, steps: [...one.steps, ...one.steps] } : one))
    },
  },
  {
    breaks: 'a client library that asks again by itself',
    noticedBy: 'nothingStartsAfterTheEnd',
    sabotage: overTransport((send, [draft, headers, limits, signal]) => {
      signal.addEventListener('abort', () => {
        const deaf = { aborted: false, addEventListener: () => {}, removeEventListener: () => {} }
        void send(draft, headers, limits, deaf).then(
          answer => answer.abort(),
          () => {},
        )
      })
      return send(draft, headers, limits, signal)
    }),
  },
  {
    breaks: 'the gateway writes its own group into a body',
    noticedBy: 'bodiesAreTheClients',
    sabotage: overDraft(draft => withMember(draft, '"model_group":"g1"')),
  },
  {
    breaks: 'a member that nobody wrote',
    noticedBy: 'failoverChangesNothing',
    sabotage: overDraft(draft => withMember(draft, '"stray":1')),
  },
  {
    breaks: "the gateway's key goes upstream",
    noticedBy: 'credentialsStayHome',
    sabotage: overTransport((send, [draft, headers, limits, signal]) =>
      send(draft, [...headers, ['x-key', MASTER_KEY]], limits, signal),
    ),
  },
  {
    breaks: "a provider's key goes to another one",
    noticedBy: 'credentialsStayHome',
    sabotage: overTransport((send, [draft, headers, limits, signal]) =>
      send(
        draft,
        headers.map(([name, value]) => [name, value.replace('sk-sim-u1', 'sk-sim-u9')] as const),
        limits,
        signal,
      ),
    ),
  },
  {
    breaks: 'an error is told as the provider wrote it',
    noticedBy: 'nothingSecretIsTold',
    forge: world => {
      world.lines.push('{"error":{"message":"Overloaded (http://u1.sim/v1, sk-sim-u1)"}}')
    },
  },
  {
    breaks: 'a stored response is looked for at another provider',
    noticedBy: 'objectsGoToTheirOwner',
    scenario: small([
      { at: 0, endpoint: 'responses', model: 'g1' },
      { at: 1000, endpoint: 'responses', model: 'g1', follows: 0 },
    ]),
    sabotage: house => ({ ...house, seal: new CarelessSeal(MASTER_KEY) }),
  },
  {
    breaks: 'two answers in one stream',
    noticedBy: 'oneVoiceAfterTheCommit',
    sabotage: overText((text, answer) => (isStream(answer) ? text.replace(/\[h\d+\.1/, '[h999.1') : text)),
  },
  {
    breaks: 'a cut stream gets the end that it lacks',
    noticedBy: 'nothingTruncatedLooksWhole',
    sabotage: overSink((sink, answer) => ({
      error: error => {
        if (!isStream(answer)) return sink.error(error)
        sink.data(Buffer.from('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'))
        sink.end()
      },
    })),
  },
  {
    breaks: 'the beginning of a stream comes twice',
    noticedBy: 'streamsAreWellFormed',
    sabotage: overText((text, answer) =>
      isStream(answer) && /"role"|response\.created/.test(text) ? text + text : text,
    ),
  },
  {
    breaks: 'the status goes out before there is anything to say',
    noticedBy: 'theHeadWaitsForContent',
    sabotage: overAnswer(answer => ({
      read: sink => {
        if (isStream(answer)) sink.data(Buffer.from('data: {"choices":[{"delta":{"content":"early"}}]}\n\n'))
        answer.read(sink)
      },
    })),
  },
  {
    breaks: "the caller's fault becomes the server's",
    noticedBy: 'theFinalErrorIsReal',
    sabotage: overAnswer(({ status }) => ({ status: status >= 400 && status < 500 ? 500 : status })),
  },
  {
    breaks: 'every error is taken for an overload',
    noticedBy: 'failuresAreNamedRight',
    sabotage: overText((text, { status }) =>
      status >= 400 ? '{"error":{"code":"overloaded","message":"no"}}' : text,
    ),
  },
  {
    breaks: 'Retry-After gets lost on the way',
    noticedBy: 'retryAfterIsALowerBound',
    sabotage: overAnswer(({ headers }) => ({
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => !/retry-after|ratelimit/.test(name)),
      ),
    })),
  },
  {
    breaks: 'a rest that is cut short with time',
    noticedBy: 'restsOnlyGrow',
    sabotage: cooling((known, now) => known && { ...known, until: known.until - Math.floor(now / 100) }),
  },
  {
    breaks: 'every failure is the fault of the deployment',
    noticedBy: 'healthIsTheUpstreams',
    sabotage: overLease(lease => standIn(lease, { settle: end => lease.settle(asHealthy(end)) })),
  },
  {
    breaks: 'a group that nobody finds',
    noticedBy: 'nobodyIsTurnedAwayFromAFreeDeployment',
    scenario: turnedAway,
    forge: world => {
      const record = world.records.find(
        ({ steps, error }) => steps.length === 0 && error?.class === 'no_deployment',
      )
      const readings = world.readings.get(record?.callId ?? '')
      if (record !== undefined && readings !== undefined)
        world.readings.set(
          record.callId,
          readings.map(reading => ({ ...reading, cooling: undefined })),
        )
    },
  },
  {
    breaks: 'soft rests close a group whose upstreams are well',
    noticedBy: 'servedIfAnyWouldAnswer',
    scenario: turnedAway,
    forge: world => {
      for (const [callId, readings] of world.readings)
        world.readings.set(
          callId,
          readings.map(reading => ({ ...reading, because: 'transient' })),
        )
      Object.assign(world, { scenario: { ...world.scenario, upstreams: {} } })
    },
  },
  {
    breaks: 'a rest that never ends',
    noticedBy: 'trafficReturns',
    sabotage: house => {
      const rested = new Map<string, Cooling>()
      const { board, clock } = house
      const forEver = (...asked: Parameters<Board['cooling']>): Cooling | undefined => {
        const known = board.cooling(...asked)
        if (known !== undefined) rested.set(asked[0], { ...known, until: clock.now() + 3_600_000 })
        return rested.get(asked[0])
      }
      return { ...house, board: standIn(board, { ...AWAKE, cooling: forEver }) }
    },
  },
  {
    breaks: 'a lease that is never settled',
    noticedBy: 'everythingReturnsToZero',
    sabotage: overLease(lease => standIn(lease, { settle: () => {} })),
  },
  {
    breaks: 'a timer that nobody cancels',
    noticedBy: 'everythingReturnsToZero',
    sabotage: house => ({
      ...house,
      clock: {
        ...house.clock,
        now: house.clock.now,
        wall: house.clock.wall,
        after: (ms, action) => {
          house.clock.after(ms, action)
          return () => {}
        },
      },
    }),
  },
  {
    breaks: 'an upstream that stays open',
    noticedBy: 'everythingReturnsToZero',
    sabotage: overAnswer(() => ({ abort: () => {} })),
  },
  {
    breaks: 'a lease that is settled twice',
    noticedBy: 'leasesSettleOnce',
    sabotage: overLease(lease =>
      standIn(lease, {
        settle: end => {
          lease.settle(end)
          lease.settle(end)
        },
      }),
    ),
  },
  {
    breaks: 'two records for one request',
    noticedBy: 'oneRecordForEach',
    sabotage: overRecord(record => [record, record]),
  },
  {
    breaks: 'a refused request leaves no record',
    noticedBy: 'oneRecordForEach',
    sabotage: overRecord(record => (record.status < 400 ? [record] : [])),
  },
  {
    breaks: 'the tokens of another attempt are billed',
    noticedBy: 'theBillIsTheServers',
    sabotage: overRecord(record =>
      record.usage === undefined
        ? [record]
        : [{ ...record, usage: { ...record.usage, inputTokens: record.usage.inputTokens + 1 } }],
    ),
  },
  {
    breaks: 'an unknown price is nothing',
    noticedBy: 'theBillIsTheServers',
    sabotage: overRecord(record => [{ ...record, costUsd: record.costUsd ?? 0 }]),
  },
  {
    breaks: 'the record names another deployment than the header',
    noticedBy: 'allAccountsAgree',
    sabotage: overRecord(record => [
      record.servedDeployment === undefined ? record : { ...record, servedDeployment: 'd0' },
    ]),
  },
  {
    breaks: 'a reload forgets what was learned',
    noticedBy: 'reloadIsAtomic',
    sabotage: overBoard(board => ({ keep: () => board.keep(new Set()) })),
  },
  {
    breaks: 'a request works by the configuration after its own',
    noticedBy: 'reloadIsAtomic',
    forge: world => {
      for (const client of world.clients) client.config = world.config()
    },
  },
  {
    breaks: 'nobody waits for a slow reader',
    noticedBy: 'nothingIsUnbounded',
    scenario: small([{ at: 0, endpoint: 'chat', model: 'g1', stream: true, slow: 500 }], {
      'u1/m1': { acts: [{ act: 'answer', pieces: 20, bulk: 1000 }] },
    }),
    sabotage: overAnswer(() => ({ pause: () => {} })),
  },
  {
    breaks: 'a transport that throws',
    noticedBy: 'theGatewayItselfNeverFails',
    sabotage: overTransport(() => {
      throw new TypeError('simulated')
    }),
  },
]
