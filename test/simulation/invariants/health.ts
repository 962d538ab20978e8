import type { Config } from '../../../src/config/config.ts'
import { type FailureClass, VERDICTS } from '../../../src/failure.ts'
import type { SimClient } from '../client.ts'
import { ERRORS, WAITING } from '../errors.ts'
import { type Hit, hostOf, type Reading, type Settling, type World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import { candidatesFor, namesFor, recordOf, stayed } from '../views.ts'

/** Waits below this are lost in the rounding of clocks. */
const GRAIN_MS = 1

const asksToWait = (hit: Hit): boolean => hit.act.act === 'refuse' && WAITING.has(ERRORS[hit.act.error].class)

export const retryAfterIsALowerBound: Invariant = {
  name: 'retryAfterIsALowerBound',
  sentence: 'Nothing is sent to a rate-limit domain before the time that its provider named, by any request.',
  end: world =>
    world.hits
      .filter(hit => asksToWait(hit) && (hit.askedMs ?? 0) > GRAIN_MS)
      .flatMap(told => {
        const until = told.overAt + (told.askedMs ?? 0)
        const early = world.hits.find(
          hit =>
            hit.upstream === told.upstream &&
            hit.method !== 'GET' &&
            hit.step > told.overStep &&
            hit.at < until - GRAIN_MS,
        )
        return early === undefined
          ? []
          : [
              `hit ${early.index} came to ${told.upstream} at ${early.at}; hit ${told.index} had been told to wait until ${until}`,
            ]
      }),
}

type Memory = { readonly until: Map<string, number>; settlings: number; reloads: number; step: number }

const memories = new WeakMap<World, Memory>()

const memoryOf = (world: World): Memory => {
  const known = memories.get(world) ?? { until: new Map(), settlings: 0, reloads: 0, step: 0 }
  memories.set(world, known)
  return known
}

export const restsOnlyGrow: Invariant = {
  name: 'restsOnlyGrow',
  sentence: 'The end of a rest never moves earlier, but by a success or by the operator.',
  step: world => {
    const memory = memoryOf(world)
    const fresh = world.settlings.slice(memory.settlings)
    const reloaded = world.reloads.length > memory.reloads
    const since = memory.step
    memory.step = world.step
    memory.settlings = world.settlings.length
    memory.reloads = world.reloads.length
    const now = world.clock.now()
    return world.config().deployments.flatMap(deployment => {
      const { id, domain } = deployment
      const before = memory.until.get(id)
      const until = world.board.cooling(id)?.until
      if (until === undefined) memory.until.delete(id)
      else memory.until.set(id, until)
      if (before === undefined || before <= now || (until ?? 0) >= before || reloaded) return []
      const upstream = `${hostOf(deployment)}/${deployment.upstreamModel}`
      const pardoned =
        fresh.some(one => one.kind === 'success' && (one.deployment === id || one.domain === domain)) ||
        // A stream that has begun is a success too, before it is over.
        world.hits.some(hit => hit.upstream === upstream && (hit.contentStep ?? 0) > since)
      return pardoned ? [] : [`the rest of ${id} went from ${before} to ${until} at ${now}`]
    })
  },
}

const harmless = (name: string): boolean =>
  name in VERDICTS ? VERDICTS[name as FailureClass].cooldown === 'none' : name === 'answered'

/** The requests that may have been sent under a lease: usually one, more when several began at the same moment. */
const hitsUnder = (world: World, { openedAt, upstream }: Settling): readonly Hit[] => {
  const [host = ''] = upstream.split('/')
  return world.hits.filter(
    hit => hit.at === openedAt && (hit.upstream === upstream || (hit.method === 'GET' && hit.host === host)),
  )
}

export const healthIsTheUpstreams: Invariant = {
  name: 'healthIsTheUpstreams',
  sentence:
    "Callers' faults, clients that leave, limits of their own and faults of the gateway never change a deployment's health.",
  end: world =>
    world.settlings.flatMap(settling => {
      const { at, deployment, kind, class: named, cooled } = settling
      if (!cooled.some(([, before = 0, after = 0]) => after > before)) return []
      const hits = hitsUnder(world, settling)
      const blameless = hits.every(hit => [...namesFor(world, hit)].every(harmless))
      const neutral = kind === 'neutral' || (kind === 'failure' && harmless(named ?? 'answered'))
      return blameless || neutral
        ? [
            `${deployment} rests from ${at} on because of ${named ?? 'nothing'}, and its upstream did ${JSON.stringify(hits.map(({ act }) => act))}`,
          ]
        : []
    }),
}

/** Filters that may keep a deployment from serving although it is well. */
const plainlyRouted = (config: Config): boolean =>
  !config.router.enableTagFiltering &&
  config.router.failover.parallelQueueSize === undefined &&
  config.deployments.every(
    ({ info, rpm, tpm }) =>
      rpm === undefined &&
      tpm === undefined &&
      info.mode === undefined &&
      info.raw.enable_tag_filtering !== true,
  )

/** Clients that were told that there is no deployment, without anybody having been asked. */
const turnedAway = (world: World): readonly { client: SimClient; readings: readonly Reading[] }[] =>
  world.clients.flatMap(client => {
    const record = recordOf(world, client)
    const config = client.config
    // What a stored response binds may not be served by anybody else.
    if (
      client.priorId !== undefined ||
      !stayed(client) ||
      record === undefined ||
      config === undefined ||
      !plainlyRouted(config)
    )
      return []
    if (record.steps.length > 0 || record.error?.class !== 'no_deployment') return []
    return [{ client, readings: world.readings.get(record.callId) ?? [] }]
  })

const isFree = ({ cooling, notBefore }: Reading): boolean => cooling === undefined && notBefore === undefined

export const nobodyIsTurnedAwayFromAFreeDeployment: Invariant = {
  name: 'nobodyIsTurnedAwayFromAFreeDeployment',
  sentence:
    'Nobody hears that there is no deployment while one of the group rests neither by itself nor by its domain.',
  end: world =>
    turnedAway(world).flatMap(({ client, readings }) =>
      candidatesFor(client.script.model, client.config as Config)
        .filter(({ id }) => readings.some(reading => reading.id === id && isFree(reading)))
        .map(({ id }) => `client ${client.index} was turned away although ${id} was free`),
    ),
}

/** Whoever writes one of these keys asks for rests that hold whatever else is free. */
const FIRM = /"(?:cooldown_time|allowed_fails|allowed_fails_policy|cooldown_panic_percent)":/

/** Every request that is still to come will be answered there. */
const isWell = (world: World, upstream: string, at: number): boolean => {
  const script = world.scenario.upstreams[upstream]
  if (script === undefined) return true
  if (script.outage !== undefined && at < script.outage.until) return false
  return world.hits.filter(hit => hit.upstream === upstream && hit.at <= at).length >= script.acts.length
}

const isSoft = (because: string | undefined): boolean =>
  because !== undefined && because in VERDICTS && VERDICTS[because as FailureClass].cooldown === 'soft'

export const servedIfAnyWouldAnswer: Invariant = {
  name: 'servedIfAnyWouldAnswer',
  sentence:
    'Nobody is turned away while a deployment that rests only for soft failures would answer, unless the operator has fixed how it rests.',
  end: world =>
    (FIRM.test(JSON.stringify([world.scenario.config, world.scenario.reloads]))
      ? []
      : turnedAway(world)
    ).flatMap(({ client, readings }) =>
      candidatesFor(client.script.model, client.config as Config)
        .filter(deployment => {
          const reading = readings.find(one => one.id === deployment.id)
          const upstream = `${hostOf(deployment)}/${deployment.upstreamModel}`
          // What a provider has asked for is no guess.
          return (
            reading?.notBefore === undefined &&
            isSoft(reading?.because) &&
            isWell(world, upstream, client.arrivedAt ?? 0)
          )
        })
        .map(({ id }) => `client ${client.index} was turned away although ${id} would have answered`),
    ),
}

export const trafficReturns: Invariant = {
  name: 'trafficReturns',
  sentence:
    'When every rest has passed and the upstreams are well, each group is served again, by its first order.',
  end: world => {
    const config = world.config()
    if (!plainlyRouted(config)) return []
    return world.clients
      .filter(({ probe }) => probe)
      .flatMap(client => {
        const members = candidatesFor(client.script.model, config)
        const order = Math.min(...members.map(one => one.order ?? Number.POSITIVE_INFINITY))
        const record = recordOf(world, client)
        const served = config.byId.get(record?.servedDeployment ?? '')
        if (client.heard?.status !== 200)
          return [
            `${client.script.model} is still not served: ${client.heard?.status} ${record?.error?.class}`,
          ]
        return (served?.order ?? Number.POSITIVE_INFINITY) === order &&
          members.some(({ id }) => id === served?.id)
          ? []
          : [`${client.script.model} is still served by ${served?.id}`]
      })
  },
}
