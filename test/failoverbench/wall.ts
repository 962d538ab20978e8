import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { ANSWER } from './answer.ts'
import type { Endpoint, Heard, Script } from './endpoint.ts'
import { type ErrorObject, type Fault, markAt, strikes } from './faults.ts'
import { errorBytes, headBytes, type Incoming, LAST_CHUNK, readRequests, spell } from './wire.ts'

/** What one model of the wall is there for. */
export type Role = {
  /** Unique on the wall: the model's name picks the fault. */
  readonly model: string
  readonly endpoint: Endpoint
  readonly fault: Fault
  /** Goes on from the beginning of an answer that a request ends with; otherwise such a request gets a 400. */
  readonly prefill: boolean
}

/** One request as the provider saw it. */
export type Arrival = {
  /** Milliseconds since the role's clock began. */
  readonly at: number
  readonly did: string
  /** A whole answer was begun that nothing ends early. */
  readonly answered: boolean
  /** A beginning of the answer came along and was refused. */
  readonly refusedPrefill: boolean
  /** Members of the body that no client of this bench sends. */
  readonly foreign: readonly string[]
}

/** A model on the wall, with its log. */
export type Player = {
  readonly arrivals: readonly Arrival[]
  /** Starts the clock, and the count of attempts, again. */
  readonly begin: () => void
}

type Cast = {
  readonly role: Role
  readonly members: ReadonlySet<string>
  readonly arrivals: Arrival[]
  since: number
}

/** The fault server: one address, a fault for each model's name, and what each model was asked. */
export type Wall = {
  /** With `/v1`, as an api_base has it. */
  readonly baseUrl: string
  /** Throws for a model that is there already. */
  readonly add: (role: Role) => Player
  readonly close: () => Promise<void>
}

const PREFILL_REFUSED: ErrorObject = {
  message:
    'This model does not continue an assistant message. The conversation must end with a user message.',
  type: 'invalid_request_error',
  code: 'invalid_prefill',
}
const NO_SUCH_MODEL: ErrorObject = {
  message: 'No such model, or not at this path.',
  type: 'invalid_request_error',
  code: 'model_not_found',
}

/** Resolves after the time, or at once when the other side leaves; false then. */
const wait = (ms: number, socket: Socket): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const settle = (stayed: boolean): void => {
    clearTimeout(timer)
    socket.off('close', leave)
    resolve(stayed && !socket.destroyed)
  }
  const leave = (): void => settle(false)
  const timer = setTimeout(() => settle(true), socket.destroyed ? 0 : ms)
  socket.on('close', leave)
  return promise
}

const none: Fault = { kind: 'none' }
const nothing = Buffer.alloc(0)

/** What is done with one request. */
type Deed = {
  readonly fault: Fault
  readonly script: Script
  readonly told: Pick<Arrival, 'did' | 'answered' | 'refusedPrefill'>
}

const deedOf = ({ role, arrivals, since }: Cast, heard: Heard): Deed => {
  const struck = strikes(role.fault, arrivals.length + 1, performance.now() - since)
  const fault = struck ? role.fault : none
  const goesOn = heard.begun !== '' && ANSWER.startsWith(heard.begun)
  const script = role.endpoint.script(goesOn ? ANSWER.slice(heard.begun.length) : ANSWER, heard)
  const deed = (did: string, answered = false, refusedPrefill = false): Deed => ({
    fault: refusedPrefill ? { kind: 'status', status: 400, error: PREFILL_REFUSED, lasts: 'always' } : fault,
    script,
    told: { did, answered, refusedPrefill },
  })
  switch (fault.kind) {
    case 'status':
      return deed(String(fault.status))
    case 'reset':
    case 'silence':
      return deed(fault.kind)
    case 'cut':
    case 'stall':
      return deed(`${fault.kind} after ${markAt(fault.share, script.pieces.length)}/${script.pieces.length}`)
    default:
      if (heard.begun !== '' && !role.prefill) return deed('prefill refused', false, true)
      return deed(fault.kind !== 'none' ? fault.kind : goesOn ? 'went on' : 'whole', true)
  }
}

/** Sends the answer with its fault laid over it. True: the connection may be used again. */
const perform = async ({ script, fault }: Deed, paceMs: number, socket: Socket): Promise<boolean> => {
  const extra = fault.kind === 'malformed' ? (script.broken ?? nothing) : nothing
  const { pieces } = script
  const mark = 'share' in fault ? markAt(fault.share, pieces.length) : -1
  const send = (part: Buffer): void => void socket.write(spell(script, part))
  socket.write(headBytes(script, extra.length))
  if (fault.kind === 'late' && !(await wait(fault.ms, socket))) return false
  for (const part of script.opening) send(part)
  for (const [at, piece] of pieces.entries()) {
    if (at === mark) {
      if (fault.kind === 'stall') await wait(fault.ms, socket)
      if (fault.kind !== 'malformed') {
        socket.end()
        return false
      }
      send(extra)
    }
    send(piece)
    if (script.framing === 'chunked' && !(await wait(paceMs, socket))) return false
  }
  for (const part of script.closing) send(part)
  if (fault.kind !== 'no-done') for (const part of script.sentinel) send(part)
  if (script.framing === 'chunked') socket.write(LAST_CHUNK)
  return true
}

const act = async (deed: Deed, paceMs: number, socket: Socket): Promise<boolean> => {
  const { fault } = deed
  if (fault.kind === 'status') {
    socket.write(errorBytes(fault.status, fault.error, fault.retryAfterSeconds))
    return true
  }
  if (fault.kind === 'reset') {
    socket.resetAndDestroy()
    return false
  }
  if (fault.kind === 'silence') {
    await wait(fault.ms, socket)
    socket.end()
    return false
  }
  return perform(deed, paceMs, socket)
}

/** Starts the fault server. `paceMs` lies between two tokens of an answer. */
export const startWall = async (paceMs: number): Promise<Wall> => {
  const casts = new Map<string, Cast>()
  const sockets = new Set<Socket>()
  const hearers = new Map<string, Endpoint['hear']>()
  const castOf = ({ path, body }: Incoming): { readonly cast: Cast; readonly heard: Heard } | undefined => {
    const heard = hearers.get(path)?.(body)
    const cast = heard === undefined ? undefined : casts.get(heard.model)
    return heard === undefined || cast?.role.endpoint.path !== path ? undefined : { cast, heard }
  }
  const handle = async (request: Incoming, socket: Socket): Promise<boolean> => {
    const found = castOf(request)
    if (found === undefined) {
      socket.write(errorBytes(404, NO_SUCH_MODEL))
      return true
    }
    const { cast, heard } = found
    const deed = deedOf(cast, heard)
    const foreign = heard.members.filter(member => !cast.members.has(member))
    cast.arrivals.push({ at: performance.now() - cast.since, foreign, ...deed.told })
    return act(deed, paceMs, socket)
  }
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    readRequests(socket, request => handle(request, socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    add: role => {
      if (casts.has(role.model)) throw new Error(`${role.model} is on the wall already`)
      const { members } = role.endpoint.ask(role.model)
      const cast: Cast = { role, members, arrivals: [], since: performance.now() }
      casts.set(role.model, cast)
      hearers.set(role.endpoint.path, role.endpoint.hear)
      return {
        arrivals: cast.arrivals,
        begin: () => {
          cast.arrivals.length = 0
          cast.since = performance.now()
        },
      }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
