import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { isObject } from '../wire/json.ts'
import { type Answer, json } from './answer.ts'
import { CAST, type Part } from './cast.ts'
import { answerControl } from './control.ts'
import { type Fault, Prompter, type ScriptOptions } from './faults.ts'
import type { Flavour } from './flavour.ts'
import type { Inspected } from './inspect.ts'
import type { Memory } from './memory.ts'
import { openScene } from './open-scene.ts'
import { type Connection, Hit, Recorder } from './recorder.ts'
import { refuse, StageRefusal } from './refusal.ts'
import type { AwsKeys, Prefill, Scene } from './scene.ts'
import { type Head, Line } from './sockets.ts'
import type { Step } from './step.ts'
import { type ErrorAnswer, isFixed, type Staging, stepsOf } from './steps.ts'

export type StageOptions = {
  /** Default 'openai'. */
  readonly flavour?: Flavour
  readonly name?: string
  /** The one key that opens it. Default `sk-stage-<name>`. */
  readonly key?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Model (Azure: deployment) names it serves; `['*']` for any. Default: the usual OpenAI names. */
  readonly models?: readonly string[]
  readonly script?: readonly Fault[]
  /** The text of every answer. Default: the canonical line. */
  readonly says?: string
  readonly prefill?: Prefill
  /** More top-level parameters to take on every route, and types of items, for a provider that is wider than its description. */
  readonly accepts?: readonly string[]
  /** Bedrock: AKIASTAGE and stage-secret in us-east-1, unless told otherwise. */
  readonly aws?: Partial<AwsKeys>
  /** What time it is there: signatures are only good for minutes. Default: the time. */
  readonly now?: () => Date
  /** Stages of one organisation can read each other's encrypted content. Default: each its own. */
  readonly organisation?: string
  /** Opens `/__stage/script` and `/__stage/requests`. Default false. */
  readonly control?: boolean
}

/** A running simulated provider. */
export type Stage = {
  readonly name: string
  readonly flavour: Flavour
  readonly key: string
  readonly port: number
  /** scheme://host:port */
  readonly origin: string
  /** What a configuration writes as `api_base`: origin and `/v1`, or `/openai/v1`, or nothing more. */
  readonly baseUrl: string
  readonly requests: readonly Hit[]
  readonly connections: readonly Connection[]
  readonly memory: Memory
  /** Plays these faults, one per matching hit, then `then` (ok). The newest script that matches wins. */
  readonly script: (faults: readonly Fault[], options?: ScriptOptions) => void
  /** The n-th request since the last clear (1 = first), its body read. Rejects after `timeoutMs` (5000). */
  readonly waitForRequest: (count: number, timeoutMs?: number) => Promise<Hit>
  /** Forgets requests and scripts; what it stored for clients stays. */
  readonly clear: () => void
  /** Closes the door and every connection. */
  readonly close: () => Promise<void>
}

let stages = 0

/** Starts a simulated provider on a real socket. Rejects with the system's error when the port is taken. */
export const startStage = async (options: StageOptions = {}): Promise<Stage> => {
  stages += 1
  const name = options.name ?? `stage-${stages}`
  const flavour = options.flavour ?? 'openai'
  const host = options.host ?? '127.0.0.1'
  const recorder = new Recorder()
  const prompter = new Prompter()
  if (options.script !== undefined) prompter.add(options.script)
  const lines = new Set<Line>()
  const server = createServer()
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const port = portOf(server)
  const part = CAST[flavour]
  const scene = openScene({ prefill: part.prefill, ...options, flavour, name, issuer: `${name}:${port}` })
  const house: House = { part, scene, recorder, prompter, control: options.control === true }
  server.on('connection', socket => void receive(house, lines, socket))
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    name,
    flavour,
    key: scene.key,
    port,
    origin,
    baseUrl: origin + part.base,
    requests: recorder.hits,
    connections: recorder.connections,
    memory: scene.memory,
    script: (faults, more) => prompter.add(faults, more),
    waitForRequest: (count, timeoutMs = 5000) => recorder.waitFor(count, timeoutMs),
    clear: () => {
      recorder.clear()
      prompter.clear()
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const line of lines) line.destroy()
      await closed
    },
  }
}

/** A port on which nothing listens: connecting to it is refused. */
export const closedPort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

type House = {
  readonly part: Part
  readonly scene: Scene
  readonly recorder: Recorder
  readonly prompter: Prompter
  readonly control: boolean
}

let connections = 0

/** One connection, request after request, until someone leaves. */
const receive = async (house: House, lines: Set<Line>, socket: Socket): Promise<void> => {
  connections += 1
  const line = new Line(socket, connections)
  lines.add(line)
  socket.once('close', () => lines.delete(line))
  const refused = house.prompter.resetsOnAccept()
  house.recorder.connections.push({
    id: line.id,
    openedAt: line.openedAt,
    closedByPeer: line.peerClose,
    refused,
  })
  if (refused) return line.reset()
  while (line.open) {
    const head = await line.head()
    if (head === undefined) break
    if (head === 'malformed') {
      await line.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      return line.finish()
    }
    if (!(await serveOne(house, line, head))) return
  }
  line.destroy()
}

/** False when the connection is not to be used again. */
const serveOne = async (house: House, line: Line, head: Head): Promise<boolean> => {
  if (house.control && head.target.startsWith('/__stage/')) return serveControl(house, line, head)
  const hit = new Hit(house.recorder.hits.length, head, line)
  house.recorder.add(hit)
  const early = house.prompter.nextEarly(hit.path)
  if (early !== undefined) {
    hit.fault = early
    hit.markReceived()
    return perform(
      line,
      hit,
      stepsOf(
        early,
        staging(house, () => json({})),
      ),
    )
  }
  const body = await line.body(head)
  hit.body = body.bytes
  hit.bodyComplete = body.kind === 'whole'
  hit.markReceived()
  if (body.kind !== 'whole') return giveUp(line, hit, body.kind)
  return perform(line, hit, answerSteps(house, head, hit))
}

const giveUp = async (line: Line, hit: Hit, why: 'cut' | 'malformed' | 'too_large'): Promise<false> => {
  hit.abandoned = why === 'cut'
  if (why !== 'cut') {
    await line.write(
      `HTTP/1.1 ${why === 'malformed' ? '400 Bad Request' : '413 Payload Too Large'}\r\ncontent-length: 0\r\n\r\n`,
    )
  }
  hit.markFinished()
  line.finish()
  return false
}

const answerSteps = (house: House, head: Head, hit: Hit): readonly Step[] => {
  const inspected = attempt(() => house.part.inspect(house.scene, head, hit))
  if (inspected instanceof StageRefusal) hit.refusal = inspected
  hit.fault = house.prompter.next(hit.path, modelIn(house, hit))
  if (isFixed(hit.fault))
    return stepsOf(
      hit.fault,
      staging(house, () => json({})),
    )
  const answer = inspected instanceof StageRefusal ? inspected : attempt(() => play(inspected, hit.fault))
  if (!(answer instanceof StageRefusal))
    return stepsOf(
      hit.fault,
      staging(house, () => answer),
    )
  hit.refusal = answer
  return stepsOf(
    { kind: 'ok' },
    staging(house, () => refusing(answer.status, house.part.refusal(answer.error))),
  )
}

const refusing = (status: number, { body, headers = {} }: ErrorAnswer): Answer => {
  const answer = json(body, status)
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

const play = ({ ask, handler }: Inspected, fault: Fault): Answer =>
  handler(fault.kind === 'answer' ? { ...ask, scripted: fault.answer } : ask)

/** Whatever is thrown becomes an answer: a stage that falls over would take the whole rehearsal with it. */
const attempt = <Result>(action: () => Result): Result | StageRefusal => {
  try {
    return action()
  } catch (error) {
    if (error instanceof StageRefusal) return error
    const what = error instanceof Error ? error.message : 'unknown'
    return refuse(500, `The stage itself failed: ${what}`, { type: 'stage_error' })
  }
}

/** Best effort, for scripts that are meant for one model: the body may be anything. */
const modelIn = ({ part }: House, hit: Hit): string | undefined => {
  const named = part.modelIn?.(hit.path)
  if (named !== undefined) return named
  try {
    const body = hit.json
    return isObject(body) && typeof body.model === 'string' ? body.model : undefined
  } catch {
    return /name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)/.exec(hit.text)?.[1]
  }
}

const staging = ({ part, scene }: House, answer: () => Answer): Staging => ({
  headers: { date: new Date(scene.now() * 1000).toUTCString(), ...part.headers(scene) },
  errorFor: part.errorFor,
  answer,
})

/** Walks the steps; stops at once when the peer leaves. */
const perform = async (line: Line, hit: Hit, steps: readonly Step[]): Promise<boolean> => {
  const goOn = await walk(line, hit, steps)
  hit.abandoned = !hit.answered.complete
  hit.markFinished()
  if (goOn && hit.header('connection')?.toLowerCase() !== 'close') return true
  if (goOn) line.finish()
  return false
}

const walk = async (line: Line, hit: Hit, steps: readonly Step[]): Promise<boolean> => {
  const { answered } = hit
  for (const step of steps) {
    if (step.do === 'write') {
      const went = await line.write(step.bytes)
      if (!went) break
      answered.bytes += step.bytes.length
      answered.events += step.event === true ? 1 : 0
      if (answered.status === 0) answered.status = statusIn(step.bytes)
    } else if (step.do === 'wait') {
      await line.pause(step.ms)
      if (!line.open) break
    } else {
      answered.complete = true
      if (step.do === 'next') return true
      if (step.do === 'rst') line.reset()
      else line.finish()
      return false
    }
  }
  line.destroy()
  return false
}

/** The final status of a head; 0 for an informational one or anything that is no status line. */
const statusIn = (bytes: Uint8Array): number => {
  const status = Number(
    /^HTTP\/1\.1 (\d{3}) /.exec(Buffer.from(bytes.subarray(0, 16)).toString('latin1'))?.[1] ?? 0,
  )
  return status >= 200 ? status : 0
}

const serveControl = async (house: House, line: Line, head: Head): Promise<boolean> => {
  const body = await line.body(head)
  if (body.kind !== 'whole') return false
  const answer = answerControl(head, body.bytes, house)
  const bytes = Buffer.from(JSON.stringify(answer.body))
  const status = answer.status === 200 ? '200 OK' : `${answer.status} Bad Request`
  const headText = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n`
  return line.write(Buffer.concat([Buffer.from(headText), bytes]))
}
