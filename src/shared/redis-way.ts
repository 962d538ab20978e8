import type { RedisSettings } from '../config/config.ts'
import type { Clock, Dice, House } from '../house.ts'
import { READY_MS } from './channel-way.ts'
import type { Hub, Way } from './exchange.ts'
import type { HealthEvent } from './ports.ts'
import type { OpenRedis, PendingConnection, RedisConnection } from './redis-connection.ts'
import {
  eventOf,
  READ_SCRIPT,
  type RedisNames,
  recordOf,
  recordsIn,
  redisNames,
  TELL_SCRIPT,
} from './redis-records.ts'
import { MOST_STANDING } from './standing.ts'

/** How often the server is asked, so that a connection which broke unnoticed is found out, and looked after. */
const PULSE_MS = 500
/** Looks in a row that find it silent: then it is given up. Not a time: after a pause of this process one look is due. */
const MOST_SILENT_LOOKS = 2
const CONNECT_MS = 1_000
/** Waits between attempts to connect: doubled each time, with a random part. */
const RETRY_MS = 100
const LONGEST_RETRY_MS = 2_000
/** Commands under way; what comes on top of them is told together, when they are answered. */
const MOST_UNANSWERED = 64
/** Events of one command. */
const MOST_AT_ONCE = 200
/** Clocks that differ less are taken for the same. */
const SAME_CLOCK_MS = 250

export type RedisWayOptions = {
  readonly clock: Clock
  readonly dice: Dice
  readonly open: OpenRedis
  /** One line when the server is lost, and one when it is back. */
  readonly event: House['event']
}

/** What may be said of a failure: its code. A message could quote an address or a command. */
const codeOf = (error: unknown): string => {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string') return code
  const word = typeof message === 'string' ? /^[A-Z]{3,}(?= |$)/.exec(message)?.[0] : undefined
  return word ?? (error instanceof Error ? error.constructor.name : 'unknown')
}

/** One life of a connection: from the attempt to open it until it breaks. */
class Session {
  readonly pending: PendingConnection
  readonly names: RedisNames
  /** For the log. */
  readonly address: string
  connection: RedisConnection | undefined
  unanswered = 0
  /** Since the last look something was answered, or asked of a server that owed nothing. */
  isAlive = true
  silentLooks = 0
  /** What holds has to be told once more: something was left out. */
  behind = false
  /** Milliseconds that the server's clock is ahead. */
  ahead = 0

  constructor(pending: PendingConnection, { namespace, host, port }: RedisSettings) {
    this.pending = pending
    this.names = redisNames(namespace)
    this.address = `${host}:${port}`
  }
}

const isSame = (one: RedisSettings | undefined, other: RedisSettings | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other) && one?.password?.reveal() === other?.password?.reveal()

export type RedisWay = Way & {
  /** Other settings from now on; the same ones change nothing. undefined: no server any more. */
  readonly use: (settings: RedisSettings | undefined) => void
}

/**
 * A way to other instances over a server. Nobody waits for it: an event is written when the connection takes it, and
 * otherwise it is among what is told when there is one again. When the server is lost the instance goes on by itself.
 */
class RedisLink implements RedisWay {
  readonly ready: Promise<void>
  readonly #options: RedisWayOptions
  readonly #hub: Hub
  readonly #isReady: () => void
  #settings: RedisSettings | undefined
  #session: Session | undefined
  #cancel: () => void = () => {}
  #failures = 0
  #isLost = false
  #closed = false

  constructor(options: RedisWayOptions, settings: RedisSettings, hub: Hub) {
    this.#options = options
    this.#settings = settings
    this.#hub = hub
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = options.clock.after(READY_MS, resolve)
    this.ready = promise
    this.#isReady = () => {
      cancel()
      resolve()
    }
    this.#open()
  }

  tell(event: HealthEvent): void {
    const session = this.#session
    // Without a connection nothing is kept: what holds is told when there is one.
    if (session?.connection !== undefined) this.#tell(session, [event])
  }

  use(settings: RedisSettings | undefined): void {
    if (this.#closed || isSame(settings, this.#settings)) return
    this.#settings = settings
    this.#end()
    this.#failures = 0
    this.#open()
  }

  close(): void {
    this.#closed = true
    this.#end()
    this.#isReady()
  }

  #end(): void {
    this.#cancel()
    this.#session?.pending.destroy()
    this.#session = undefined
  }

  #open(): void {
    const { open } = this.#options
    const settings = this.#settings
    if (settings === undefined) return
    const pending = open(settings, {
      onBroken: error => this.#lose(session, error),
      connectTimeoutMs: CONNECT_MS,
    })
    const session: Session = new Session(pending, settings)
    this.#session = session
    session.unanswered = 1
    this.#pulse(session)
    this.#begin(session).catch(error => this.#lose(session, error))
  }

  /** News first, then what holds: nothing falls between the two. */
  async #begin(session: Session): Promise<void> {
    const connection = await session.pending.connected
    if (session !== this.#session) return connection.destroy()
    this.#answered(session)
    await this.#asked(
      session,
      connection.subscribe(session.names.channel, message => this.#hear(session, message)),
    )
    await this.#read(session, connection)
    if (session !== this.#session) return
    session.connection = connection
    // What is refused (a replica, no memory, no permission) is refused here as well, before anything counts as mended.
    await Promise.all(this.#chunks(session))
    if (session !== this.#session) return
    this.#failures = 0
    this.#isReady()
    if (!this.#isLost) return
    this.#isLost = false
    this.#options.event('info', 'Redis is back: health is shared again.', { redis: session.address })
  }

  async #read(session: Session, connection: RedisConnection): Promise<void> {
    const { records, ends } = session.names
    const asked = this.#options.clock.now()
    const answer = await this.#asked(session, connection.send(['EVAL', READ_SCRIPT, '2', records, ends]))
    const [server, held] = Array.isArray(answer) ? answer : []
    this.#compare(session, Number(server), asked)
    if (Array.isArray(held)) this.#take(session, held)
  }

  /** The server's clock beside this machine's, which may be set while the connection stands. */
  async #time(session: Session, connection: RedisConnection): Promise<void> {
    const asked = this.#options.clock.now()
    const answer = await this.#asked(session, connection.send(['TIME']))
    const [seconds, micros] = Array.isArray(answer) ? answer : []
    this.#compare(session, Number(seconds) * 1000 + Number(micros) / 1000, asked)
  }

  /** `server`: its milliseconds since the epoch, half of the way ago. `asked`: clock.now() of the question. */
  #compare(session: Session, server: number, asked: number): void {
    const { clock } = this.#options
    // Half of the way there and back is as exact as it gets.
    const halfWay = (clock.now() - asked) / 2
    const ahead = server + halfWay - clock.wall()
    session.ahead = Math.abs(ahead) > SAME_CLOCK_MS + halfWay ? Math.round(ahead) : 0
  }

  #hear(session: Session, message: string): void {
    session.isAlive = true
    if (session !== this.#session) return
    // Its own news is no news to the hub.
    this.#take(session, recordsIn(message))
  }

  #take(session: Session, records: readonly unknown[]): void {
    for (const record of records) {
      const event = eventOf(record, session.ahead)
      if (event !== undefined) this.#hub.heard(event)
    }
  }

  #tell(session: Session, events: readonly HealthEvent[]): void {
    if (session.unanswered >= MOST_UNANSWERED) {
      session.behind = true
      return
    }
    this.#write(session, events).catch(error => this.#lose(session, error))
  }

  #chunks(session: Session): readonly Promise<void>[] {
    const events = [...this.#hub.standing()]
    const chunks: Promise<void>[] = []
    for (let at = 0; at < events.length; at += MOST_AT_ONCE)
      chunks.push(this.#write(session, events.slice(at, at + MOST_AT_ONCE)))
    return chunks
  }

  async #write(session: Session, events: readonly HealthEvent[]): Promise<void> {
    const { connection, ahead } = session
    if (connection === undefined) return
    const { records, ends, channel } = session.names
    const time = { ahead, wall: this.#options.clock.wall() }
    const given = events.map(event => recordOf(event, time))
    const command = ['EVAL', TELL_SCRIPT, '2', records, ends, channel, String(MOST_STANDING)]
    await this.#asked(session, connection.send([...command, ...given]))
    if (!session.behind || session.unanswered > 0) return
    session.behind = false
    await Promise.all(this.#chunks(session))
  }

  async #asked<Answer>(session: Session, answer: Promise<Answer>): Promise<Answer> {
    if (session.unanswered === 0) session.isAlive = true
    session.unanswered += 1
    try {
      return await answer
    } finally {
      this.#answered(session)
    }
  }

  #answered(session: Session): void {
    session.unanswered -= 1
    session.isAlive = true
  }

  /** Asks, so that silence means something, and gives up whoever is silent. */
  #pulse(session: Session): void {
    this.#cancel = this.#options.clock.after(PULSE_MS, () => {
      if (session !== this.#session) return
      const { connection, unanswered, isAlive } = session
      session.silentLooks = unanswered > 0 && !isAlive ? session.silentLooks + 1 : 0
      if (session.silentLooks >= MOST_SILENT_LOOKS) return this.#lose(session, { code: 'ETIMEDOUT' })
      session.isAlive = false
      this.#pulse(session)
      if (connection !== undefined && unanswered === 0)
        this.#time(session, connection).catch(error => this.#lose(session, error))
    })
  }

  #lose(session: Session, error: unknown): void {
    if (session !== this.#session) return
    const { clock, dice } = this.#options
    this.#end()
    this.#isReady()
    if (!this.#isLost) {
      this.#isLost = true
      this.#options.event('warn', 'Redis is lost: this instance goes on with what it learns itself.', {
        redis: session.address,
        reason: codeOf(error),
      })
    }
    const wait = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** Math.min(this.#failures, 10))
    this.#failures += 1
    this.#cancel = clock.after(wait * (0.5 + dice.random() / 2), () => this.#open())
  }
}

export const createRedisWay =
  (options: RedisWayOptions, settings: RedisSettings) =>
  (hub: Hub): RedisWay =>
    new RedisLink(options, settings, hub)
