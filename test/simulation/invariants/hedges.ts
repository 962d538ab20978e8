import type { Config, Hedging } from '../../../src/config/config.ts'
import type { SimClient } from '../client.ts'
import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import { type Attempt, attemptsOf, hitsOf, jsonIn } from '../views.ts'

/** One request that was with two providers at once. */
type Pair = { readonly first: Hit; readonly second: Hit }

const isOpenAt = (hit: Hit, step: number): boolean => hit.over === undefined || hit.overStep > step

/** Every request upstream that began while another one of the same client was open. */
const pairsOf = (world: World, client: SimClient): readonly Pair[] => {
  const hits = hitsOf(world, client)
  return hits.flatMap((second, at) =>
    hits
      .slice(0, at)
      .filter(first => isOpenAt(first, second.step))
      .map(first => ({ first, second })),
  )
}

const hedgingIn = (config: Config | undefined, group: string): Hedging | undefined => {
  const hedges = config?.router.hedges
  return hedges?.get(group) ?? hedges?.get('*')
}

/** Members of a body that bind the request to a provider, or have it do something. */
const BINDING = ['tools', 'functions', 'previous_response_id', 'conversation', 'background']

const isBound = ({ body, path }: Hit): boolean => {
  const written = jsonIn(body) ?? {}
  const stores = path.startsWith('/v1/responses') && !path.startsWith('/v1/responses/compact')
  return (
    BINDING.some(key => written[key] !== undefined && written[key] !== null) ||
    written.store === true ||
    (stores && written.store !== false)
  )
}

const spokeAt = ({ contentStep, wholeStep }: Hit): number =>
  Math.min(contentStep ?? Number.POSITIVE_INFINITY, wholeStep ?? Number.POSITIVE_INFINITY)

const problemsOf = (client: SimClient, { first, second }: Pair, attempts: readonly Attempt[]): string[] => {
  const [own, other] = [first, second].map(hit => attempts.find(attempt => attempt.hit === hit))
  const name = `client ${client.index}: hit ${second.index} beside hit ${first.index}`
  const wrong = (holds: boolean, what: string): readonly string[] => (holds ? [] : [`${name} ${what}`])
  const heardAt = client.headStep ?? Number.POSITIVE_INFINITY
  const late = [first, second].filter(hit => isOpenAt(hit, heardAt) && spokeAt(hit) > heardAt)
  return [
    ...wrong(!isBound(second), 'although the request is bound to one provider'),
    ...wrong(client.heard?.status !== 200 || late.length === 0, 'is open although the other has answered'),
    ...(own === undefined || other === undefined
      ? []
      : [
          ...wrong(other.step.hedge === true && own.step.hedge !== true, 'is no hedge on record'),
          ...wrong(own.step.group === other.step.group, 'is of another group'),
          ...wrong(own.deployment?.domain !== other.deployment?.domain, 'has the same rate limit'),
          ...wrong(
            hedgingIn(client.config, own.step.group) !== undefined,
            'although its group does not hedge',
          ),
        ]),
  ]
}

/** The most that any configuration of the schedule allows, in percent. */
const mostPercent = (world: World, group: string): number =>
  Math.max(...world.clients.map(({ config }) => hedgingIn(config, group)?.maxPercent ?? 0))

type Begun = { readonly at: number; readonly group: string; readonly hedge: boolean }

/** Every first attempt in a group, and every hedge, in the order of their beginnings. */
const beginnings = (world: World): readonly Begun[] =>
  world.clients
    .flatMap(client => {
      const seen = new Set<string>()
      return attemptsOf(world, client)
        .toSorted((one, other) => one.hit.step - other.hit.step)
        .flatMap(({ step: { group, hedge }, hit }): Begun[] => {
          if (hedge === true) return [{ at: hit.step, group, hedge: true }]
          if (seen.has(group)) return []
          seen.add(group)
          return [{ at: hit.step, group, hedge: false }]
        })
    })
    .toSorted((one, other) => one.at - other.at)

const tooMany = (world: World): readonly string[] => {
  const counts = new Map<string, { requests: number; hedges: number }>()
  return beginnings(world).flatMap(({ group, hedge }) => {
    const count = counts.get(group) ?? { requests: 0, hedges: 0 }
    counts.set(group, count)
    if (hedge) count.hedges += 1
    else count.requests += 1
    const { requests, hedges } = count
    return hedge && hedges * 100 > requests * mostPercent(world, group)
      ? [`${hedges} hedges of ${requests} requests of ${group}`]
      : []
  })
}

export const hedgesAreFewAndAlone: Invariant = {
  name: 'hedgesAreFewAndAlone',
  sentence:
    'A request is with two providers at once only where its group hedges: once, with two rate limits, bound to neither, no longer than until one has answered, and no more often than the share of the requests that the group allows.',
  end: world => [
    ...world.clients.flatMap(client => {
      const pairs = pairsOf(world, client)
      const attempts = attemptsOf(world, client)
      return [
        ...(pairs.length > 1 ? [`client ${client.index} was hedged ${pairs.length} times`] : []),
        ...pairs.flatMap(pair => problemsOf(client, pair, attempts)),
      ]
    }),
    ...tooMany(world),
  ],
}
