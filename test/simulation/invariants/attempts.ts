import type { Config } from '../../../src/config/config.ts'
import { policyEntry } from '../../../src/config/policy.ts'
import { type ExceptionName, type RetryRule, VERDICTS } from '../../../src/failure.ts'
import { isObject, type Json } from '../../../src/wire/json.ts'
import type { SimClient } from '../client.ts'
import { endpointOf } from '../endpoints.ts'
import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import {
  type Attempt,
  attemptsOf,
  hitsOf,
  isNamed,
  levelsOf,
  namesFor,
  namesIds,
  visitsOf,
} from '../views.ts'

const retriesAsked = (client: SimClient): number | undefined => {
  const asked = client.script.headers?.['x-litellm-num-retries'] ?? client.script.controls?.num_retries
  return asked === undefined ? undefined : Number(asked)
}

/** The name that retry policies know a failure by. */
const exceptionOf = ({ step }: Attempt): ExceptionName =>
  (/^litellm\.(\w+):/.exec(step.message ?? '')?.[1] ?? 'APIError') as ExceptionName

/** What a policy says of the retries after this failure; undefined: there is none, or it says nothing. */
const byPolicy = (client: SimClient, attempt: Attempt): number | undefined => {
  const { router } = client.config as Config
  const policy = router.modelGroupRetryPolicy.get(attempt.step.group) ?? router.retryPolicy
  return policyEntry(policy, exceptionOf(attempt)) ?? policy?.Default
}

const ruleOf = (client: SimClient, attempt: Attempt): RetryRule => {
  const { outcome } = attempt.step
  if (outcome === 'answered') return 'never'
  return byPolicy(client, attempt) === undefined ? VERDICTS[outcome].retry : 'any'
}

/** Why this attempt, the `count`th of its level after the first, may not have followed the one before it. */
const excess = (client: SimClient, attempt: Attempt, before: Attempt, level: Level): string | undefined => {
  const usual =
    retriesAsked(client) ??
    withoutHedges(level)[0]?.deployment?.numRetries ??
    (client.config as Config).router.numRetries
  const allowed = byPolicy(client, before) ?? usual
  const count = withoutHedges(level).indexOf(attempt)
  const { outcome } = before.step
  if (count > allowed)
    return `attempt ${count + 1} of ${attempt.step.group}, ${allowed} retries allowed after ${outcome}`
  return ruleOf(client, before) === 'never' ? `a retry after ${outcome}` : undefined
}

type Level = readonly Attempt[]

/** A hedge is no retry, and takes none. */
const withoutHedges = (level: Level): Level => level.filter(({ step }) => step.hedge !== true)

/**
 * Every attempt that is a retry, with the one before it and its level. Where deployments are named by their ids, one may
 * be asked beside its group, and nobody can tell the two from outside.
 */
const retriesOf = (world: World, client: SimClient): readonly (readonly [Attempt, Attempt, Level])[] => {
  const attempts = namesIds(world) ? [] : attemptsOf(world, client)
  return visitsOf(attempts).flatMap(visit =>
    levelsOf(visit, client).flatMap(level =>
      withoutHedges(level)
        .slice(1)
        .map(attempt => [attempt, attempts[attempts.indexOf(attempt) - 1] as Attempt, level] as const),
    ),
  )
}

export const attemptsAreBounded: Invariant = {
  name: 'attemptsAreBounded',
  sentence:
    'At most 1 + num_retries attempts for each order level of a group, by the rule of each failure; no group is visited twice.',
  end: world =>
    world.clients.flatMap(client => {
      const visits = visitsOf(attemptsOf(world, client))
      const groups = visits.map(visit => visit[0]?.step.group)
      const twice = groups.filter((group, at) => groups.indexOf(group) !== at)
      const wrong = retriesOf(world, client)
        .map(([attempt, before, level]) => excess(client, attempt, before, level))
        .filter(text => text !== undefined)
      // A deployment that is named by its id is asked beside its group.
      const byId = namesIds(world)
      return [
        ...(twice.length === 0 || byId ? [] : [`client ${client.index} was sent to ${twice.join()} twice`]),
        ...wrong.map(text => `client ${client.index}: ${text}`),
      ]
    }),
}

export const barredDeploymentsAreNotAskedAgain: Invariant = {
  name: 'barredDeploymentsAreNotAskedAgain',
  sentence:
    'A deployment that failed in a way that bars it (a timeout, a wrong key, a model that is gone) is not asked again by the same visit, unless it lacked a way to compact and is asked in another.',
  end: world =>
    world.clients.flatMap(client =>
      retriesOf(world, client).flatMap(([attempt, , level]) => {
        const { deployment } = attempt.step
        const barred = level
          .slice(0, level.indexOf(attempt))
          .find(
            one =>
              one.step.deployment === deployment &&
              one.step.compaction === attempt.step.compaction &&
              ruleOf(client, one) !== 'any',
          )
        return barred === undefined
          ? []
          : [`client ${client.index}: ${deployment} was asked again after ${barred.step.outcome}`]
      }),
    ),
}

/** What the operator says that it holds; 0: nothing. */
const windowOf = ({ deployment }: Attempt): number => deployment?.info.maxInputTokens ?? 0

export const longPromptsGoToLargerOnes: Invariant = {
  name: 'longPromptsGoToLargerOnes',
  sentence:
    'Once a prompt was too long for a deployment, its group is asked no further but for deployments that declare a larger window.',
  end: world =>
    namesIds(world)
      ? []
      : world.clients.flatMap(client =>
          visitsOf(attemptsOf(world, client)).flatMap(visit =>
            visit
              .filter(one => one.step.outcome === 'context_window' && ruleOf(client, one) === 'larger')
              .flatMap(refused =>
                visit
                  .filter(({ hit }) => hit.step > refused.hit.overStep)
                  .filter(later => windowOf(later) <= windowOf(refused))
                  .map(
                    ({ step }) =>
                      `client ${client.index}: ${step.deployment} was asked after ${refused.step.deployment} had found the prompt too long`,
                  ),
              ),
          ),
        ),
}

/** A setting of the router in force when this client came; it need not be known to the configuration's types. */
const settingOf = (world: World, client: SimClient, key: string): Json | undefined => {
  const { config, reloads } = world.scenario
  const newest = reloads.findLast(
    reload => typeof reload.config === 'object' && reload.at <= client.script.at,
  )
  const written = typeof newest?.config === 'object' ? newest.config : config
  return isObject(written.router_settings) ? written.router_settings[key] : undefined
}

const numberOf = (world: World, client: SimClient, key: string): number | undefined => {
  const value = settingOf(world, client, key)
  return typeof value === 'number' ? value : undefined
}

/** However many groups, orders and policies there are. */
const MOST_ATTEMPTS = 10

export const attemptsAreCapped: Invariant = {
  name: 'attemptsAreCapped',
  sentence: `No request makes more than max_attempts attempts, ${MOST_ATTEMPTS} unless they are set.`,
  end: world =>
    world.clients.flatMap(client => {
      const count = hitsOf(world, client).length
      const most = numberOf(world, client, 'max_attempts') ?? MOST_ATTEMPTS
      return count > most ? [`client ${client.index} made ${count} attempts of ${most}`] : []
    }),
}

const GRACE_MS = 250

const allowedMs = (world: World, client: SimClient): number => {
  const asked = client.script.headers?.['x-litellm-timeout'] ?? client.script.controls?.timeout
  const granted = numberOf(world, client, 'total_timeout')
  const times = [asked, granted].filter(time => time !== undefined && Number(time) > 0).map(Number)
  return Math.min(Number.POSITIVE_INFINITY, ...times) * 1000
}

export const answersBeginInTime: Invariant = {
  name: 'answersBeginInTime',
  sentence: `A request is answered, or its stream has begun, within the time that it asked for or was granted, and ${GRACE_MS} ms.`,
  end: world =>
    world.clients.flatMap(client => {
      const { arrivedAt, headAt, leftAt, script } = client
      // What a slow reader has not taken may have been there for long.
      if (arrivedAt === undefined || leftAt !== undefined || script.slow !== undefined) return []
      const took = (headAt ?? world.clock.now()) - arrivedAt
      const allowed = allowedMs(world, client)
      return took > allowed + GRACE_MS
        ? [`client ${client.index} heard nothing for ${took} ms of ${allowed}`]
        : []
    }),
}

/** The dialects in which an answer can be gone on with. */
const RESUMABLE = new Set(['chat', 'completions', 'responses', 'transcription'])

/** Another answer may go on with one that has begun and broken, where that is not turned off. */
const mayGoOn = (world: World, client: SimClient, hit: Hit): boolean => {
  const recovery = settingOf(world, client, 'stream_recovery') ?? 'on'
  const broken = hitsOf(world, client).some(
    one =>
      one.contentStep !== undefined &&
      one.wholeStep === undefined &&
      one.over !== undefined &&
      one.overStep < hit.step,
  )
  if (!broken || client.script.stream !== true || !RESUMABLE.has(endpointOf(client.script).shape))
    return false
  return recovery === 'on' || (recovery === 'splice_only' && hit.prefill === '')
}

export const nothingStartsAfterTheEnd: Invariant = {
  name: 'nothingStartsAfterTheEnd',
  sentence:
    'No attempt starts once the client has left, its time is over or the answer has begun, but for a declared continuation.',
  end: world =>
    world.clients.flatMap(client =>
      hitsOf(world, client).flatMap(hit => {
        const { leftStep, contentStep, arrivedAt = 0 } = client
        if (leftStep !== undefined && hit.step > leftStep)
          return [`hit ${hit.index} began after client ${client.index} had left`]
        if (hit.at >= arrivedAt + allowedMs(world, client))
          return [`hit ${hit.index} began ${hit.at - arrivedAt} ms after client ${client.index} had come`]
        if (contentStep === undefined || hit.step < contentStep || mayGoOn(world, client, hit)) return []
        return [`hit ${hit.index} began after client ${client.index} had heard content`]
      }),
    ),
}

export const failuresAreNamedRight: Invariant = {
  name: 'failuresAreNamedRight',
  sentence: 'Every attempt is called what its upstream did.',
  end: world =>
    world.clients.flatMap(client =>
      attemptsOf(world, client).flatMap(({ step, hit }) => {
        // Whoever would go on with another one's answer and says something else is given up, and nobody's fault.
        const names = new Set([
          ...namesFor(world, hit),
          ...(step.resumed === 'splice' ? ['unsupported'] : []),
        ])
        return isNamed(names, step.outcome)
          ? []
          : [
              `hit ${hit.index} (${JSON.stringify(hit.act)}) was called ${step.outcome}, not ${[...names].join(' or ')}`,
            ]
      }),
    ),
}

export const reloadIsAtomic: Invariant = {
  name: 'reloadIsAtomic',
  sentence:
    'Each request sees one configuration; deployments that stay keep their health and their counters; a file that is not accepted changes nothing.',
  end: world => [
    ...world.clients.flatMap(client =>
      attemptsOf(world, client).flatMap(({ hit, step, deployment }) => {
        if (deployment === undefined)
          return [`client ${client.index} was sent to ${step.deployment}, which it cannot know`]
        const { baseUrl } = deployment.connection
        const model = hit.method === 'GET' ? '' : deployment.upstreamModel
        return baseUrl === `http://${hit.host}.sim/v1` && hit.upstream.endsWith(`/${model}`)
          ? []
          : [
              `client ${client.index}: hit ${hit.index} went to ${hit.upstream}, ${step.deployment} was ${baseUrl} ${model}`,
            ]
      }),
    ),
    ...world.reloads.flatMap(({ at, before, after }) =>
      before.flatMap(old => {
        const kept = after.find(({ id }) => id === old.id)
        if (kept === undefined || kept.domain !== old.domain) return []
        return kept.cooling === old.cooling && kept.inFlight === old.inFlight
          ? []
          : [`the reload at ${at} changed ${old.id}: ${JSON.stringify([old, kept])}`]
      }),
    ),
  ],
}
