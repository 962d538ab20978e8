import type { Config } from '../../../src/config/config.ts'
import { policyEntry } from '../../../src/config/policy.ts'
import { type ExceptionName, type RetryRule, VERDICTS } from '../../../src/failure.ts'
import { isObject } from '../../../src/wire/json.ts'
import type { SimClient } from '../client.ts'
import type { World } from '../facts.ts'
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

/** Why no further attempt of the level may follow this one; undefined: one may. */
const excess = (client: SimClient, level: readonly Attempt[], at: number): string | undefined => {
  const attempt = level[at] as Attempt
  const { step } = attempt
  const usual =
    retriesAsked(client) ?? level[0]?.deployment?.numRetries ?? (client.config as Config).router.numRetries
  const allowed = byPolicy(client, attempt) ?? usual
  if (at + 1 > allowed)
    return `attempt ${at + 2} of ${step.group}, ${allowed} retries allowed after ${step.outcome}`
  return ruleOf(client, attempt) === 'never' ? `a retry after ${step.outcome}` : undefined
}

const levelsFor = (world: World, client: SimClient): readonly (readonly Attempt[])[] =>
  visitsOf(attemptsOf(world, client)).flatMap(visit => levelsOf(visit, client))

export const attemptsAreBounded: Invariant = {
  name: 'attemptsAreBounded',
  sentence:
    'At most 1 + num_retries attempts for each order level of a group, by the rule of each failure; no group is visited twice.',
  end: world =>
    world.clients.flatMap(client => {
      const visits = visitsOf(attemptsOf(world, client))
      const groups = visits.map(visit => visit[0]?.step.group)
      const twice = groups.filter((group, at) => groups.indexOf(group) !== at)
      const wrong = levelsFor(world, client)
        .flatMap(level => level.slice(1).map((_, at) => excess(client, level, at)))
        .filter(text => text !== undefined)
      // A deployment that is named by its id is asked beside its group.
      const byId = namesIds(world)
      return [
        ...(twice.length === 0 || byId ? [] : [`client ${client.index} was sent to ${twice.join()} twice`]),
        ...wrong.map(text => `client ${client.index}: ${text}`),
      ]
    }),
}

/** The deployment of this attempt had failed before in a way that bars it, and is asked again. */
const barred = (client: SimClient, level: readonly Attempt[], at: number): string | undefined => {
  const attempt = level[at] as Attempt
  const before = level
    .slice(0, at)
    .find(one => one.step.deployment === attempt.step.deployment && ruleOf(client, one) !== 'any')
  return before === undefined
    ? undefined
    : `${attempt.step.deployment} was asked again after ${before.step.outcome}`
}

export const barredDeploymentsAreNotAskedAgain: Invariant = {
  name: 'barredDeploymentsAreNotAskedAgain',
  sentence:
    'A deployment that failed in a way that bars it (a timeout, a wrong key, a model that is gone) is not asked again by the same visit.',
  end: world =>
    world.clients.flatMap(client =>
      levelsFor(world, client)
        .flatMap(level => level.map((_, at) => barred(client, level, at)))
        .filter(text => text !== undefined)
        .map(text => `client ${client.index}: ${text}`),
    ),
}

/** A setting of the router in force when this client came; it need not be known to the configuration's types. */
const setting = (world: World, client: SimClient, key: string): number | undefined => {
  const { config, reloads } = world.scenario
  const newest = reloads.findLast(
    reload => typeof reload.config === 'object' && reload.at <= client.script.at,
  )
  const written = typeof newest?.config === 'object' ? newest.config : config
  const value = isObject(written.router_settings) ? written.router_settings[key] : undefined
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
      const most = setting(world, client, 'max_attempts') ?? MOST_ATTEMPTS
      return count > most ? [`client ${client.index} made ${count} attempts of ${most}`] : []
    }),
}

const GRACE_MS = 250

const allowedMs = (world: World, client: SimClient): number => {
  const asked = client.script.headers?.['x-litellm-timeout'] ?? client.script.controls?.timeout
  const granted = setting(world, client, 'total_timeout')
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

export const nothingStartsAfterTheEnd: Invariant = {
  name: 'nothingStartsAfterTheEnd',
  sentence:
    'No attempt starts once the client has left or the answer has begun, but for a declared continuation.',
  end: world =>
    world.clients.flatMap(client =>
      hitsOf(world, client).flatMap(hit => {
        const { leftStep, contentStep, heard } = client
        if (leftStep !== undefined && hit.step > leftStep)
          return [`hit ${hit.index} began after client ${client.index} had left`]
        const begun = contentStep !== undefined && hit.step > contentStep
        // An answer is continued where the next one is asked to go on, or says word for word the same.
        const continued = heard?.status === 200 && (hit.prefill !== '' || hit.act.words === 'same')
        return begun && !continued
          ? [`hit ${hit.index} began after client ${client.index} had heard content`]
          : []
      }),
    ),
}

export const failuresAreNamedRight: Invariant = {
  name: 'failuresAreNamedRight',
  sentence: 'Every attempt is called what its upstream did.',
  end: world =>
    world.clients.flatMap(client =>
      attemptsOf(world, client).flatMap(({ step, hit }) => {
        const names = namesFor(world, hit)
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
