import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import { hitsOf, recordsOf } from '../views.ts'

export const everyRequestEnds: Invariant = {
  name: 'everyRequestEnds',
  sentence: 'Every request ends, with exactly one answer or none to a client that has left.',
  end: world =>
    world.clients.flatMap(client => {
      if (client.arrivedAt === undefined) return []
      if (!client.over) return [`client ${client.index} waits for ever`]
      if (client.leftAt !== undefined) return []
      const { heard } = client
      // Plain bytes that broke off are cut at the client too, and a slow one may not have read any of them by then.
      const cut =
        client.released === 'broken' &&
        client.script.slow !== undefined &&
        recordsOf(world, client)[0]?.end === 'upstream_broke'
      if (heard === undefined) return cut ? [] : [`client ${client.index} was let go without an answer`]
      const excess =
        heard.beyond > 0 ? [`client ${client.index} got ${heard.beyond} bytes after its answer`] : []
      // Only an answer that broke off may lack its end, and then it must be seen to.
      const torn =
        client.released === 'ended' && !heard.whole
          ? [`client ${client.index} was let go in order before its answer was whole`]
          : []
      return [...excess, ...torn]
    }),
}

/** Further gauges of the board, as far as it has any: all of them count what is under way. */
const gaugesOf = ({ board }: World): readonly (readonly [name: string, value: number])[] => {
  const gauges: unknown = Reflect.get(board, 'gauges')
  return typeof gauges === 'function'
    ? Object.entries(Reflect.apply(gauges, board, []) as Record<string, number>)
    : []
}

export const everythingReturnsToZero: Invariant = {
  name: 'everythingReturnsToZero',
  sentence:
    'Gauges, slots, queues, held bytes, open upstreams and timers return to zero when everybody has gone, and never go below it.',
  step: world =>
    world
      .config()
      .deployments.filter(({ id }) => world.board.inFlight(id) < 0)
      .map(({ id }) => `${id} has ${world.board.inFlight(id)} in flight`),
  end: world => {
    const { board } = world
    const left = world
      .config()
      .deployments.flatMap(({ id, group }) => [
        ...(board.inFlight(id) === 0 ? [] : [`${id} has ${board.inFlight(id)} in flight`]),
        ...(board.waiting(id) === 0 ? [] : [`${board.waiting(id)} wait for ${id}`]),
        ...(board.groupInFlight(group) === 0 ? [] : [`${group} has ${board.groupInFlight(group)} in flight`]),
      ])
    const open = world.hits
      .filter(hit => hit.over === undefined)
      .map(hit => `the upstream of hit ${hit.index} is open`)
    return [
      ...left,
      ...open,
      ...gaugesOf(world)
        .filter(([, value]) => value !== 0)
        .map(([name, value]) => `${value} are left in ${name}`),
      ...(world.inside() === 0 ? [] : [`${world.inside()} calls are inside`]),
      ...(world.held() === 0 ? [] : [`${world.held()} bytes of bodies are held`]),
      ...world.leftTimers.map(
        due => `a timer was left until ${due} when everybody had gone at ${world.quietAt}`,
      ),
    ]
  },
}

export const leasesSettleOnce: Invariant = {
  name: 'leasesSettleOnce',
  sentence: 'What an attempt reserves is given back exactly once.',
  end: world => {
    const counts = new Map<number, number>()
    for (const { lease } of world.settlings) counts.set(lease, (counts.get(lease) ?? 0) + 1)
    const twice = [...counts]
      .filter(([, count]) => count > 1)
      .map(([lease]) => `lease ${lease} was settled twice`)
    const never = world.leases - counts.size
    return [
      ...twice,
      ...(never === 0 ? [] : [`${never} leases were never settled`]),
      ...(world.board.extraSettles() === 0
        ? []
        : [`the board counts ${world.board.extraSettles()} settles too many`]),
    ]
  },
}

export const oneRecordForEach: Invariant = {
  name: 'oneRecordForEach',
  sentence: 'Exactly one record for each request and one step for each attempt, and the costs add up.',
  end: world =>
    world.clients.flatMap(client => {
      if (client.arrivedAt === undefined) return []
      const [record, ...more] = recordsOf(world, client)
      if (record === undefined) return [`client ${client.index} has no record`]
      if (more.length > 0) return [`client ${client.index} has ${more.length + 1} records`]
      const hits = hitsOf(world, client).length
      // For a count of the gateway's own nobody is asked.
      const sent = record.steps.filter(({ lost }) => !lost.some(one => one.startsWith('the exact count:')))
      const cost = record.steps.reduce((sum, step) => sum + (step.costUsd ?? 0), 0)
      return [
        ...(sent.length === hits
          ? []
          : [`client ${client.index}: ${hits} requests upstream, ${sent.length} steps`]),
        ...(record.costUsd === undefined || Math.abs(record.costUsd - cost) < 1e-12
          ? []
          : [`client ${client.index}: its attempts cost ${cost}, its request ${record.costUsd}`]),
      ]
    }),
}

/** A line of the log: what is fixed, what each attempt may add. */
const LINE_BYTES = 4096
const STEP_BYTES = 3072
/** What waits for a slow reader: what its connection holds, the head of the answer, the events of one moment. */
const WRITE_BYTES = 4096

/** An event of this answer; the last ones of some dialects repeat the whole text, twice. */
const eventBytes = ({ act, path }: Hit): number => {
  const piece = (act.bulk ?? 0) + 16
  return path.startsWith('/v1/responses') ? 3 * piece * (act.pieces ?? 3) : 2 * piece
}

export const nothingIsUnbounded: Invariant = {
  name: 'nothingIsUnbounded',
  sentence: 'Queues, held bytes and the log of one request stay under fixed bounds.',
  end: world => [
    ...world.lines.flatMap((line, at) => {
      const most = LINE_BYTES + STEP_BYTES * (world.records[at]?.steps.length ?? 0)
      return line.length > most ? [`a line of the log has ${line.length} bytes`] : []
    }),
    ...world.clients.flatMap(client => {
      // A document is written whole; a stream waits for its reader.
      const most = WRITE_BYTES + Math.max(0, ...hitsOf(world, client).map(eventBytes))
      const streams = client.script.stream === true && client.script.slow !== undefined
      return streams && client.waited > most
        ? [`${client.waited} bytes waited for client ${client.index}`]
        : []
    }),
  ],
}

export const theGatewayItselfNeverFails: Invariant = {
  name: 'theGatewayItselfNeverFails',
  sentence: 'Nothing fails inside the gateway, whatever happens outside.',
  step: world => world.faults,
}
