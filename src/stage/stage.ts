import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { isObject, type JsonObject } from '../wire/json.ts'
import { type Answer, type Headers, json } from './answer.ts'
import type { Flavour } from './columns.ts'
import { answerControl } from './control.ts'
import { type Fault, Prompter, type ScriptOptions } from './faults.ts'
import { geminiModelIn } from './gemini.ts'
import { type Inspected, inspect } from './inspect.ts'
import { CANONICAL } from './lines.ts'
import { emptyMemory, idMaker, type Memory, vaultOf } from './memory.ts'
import { errorBody, refusalBody } from './provider-errors.ts'
import { type Connection, Hit, Recorder } from './recorder.ts'
import { refuse, StageRefusal } from './refusal.ts'
import { DEFAULT_MODELS, type Prefill, type Scene } from './scene.ts'
import { type Head, Line } from './sockets.ts'
import type { Step } from './step.ts'
import { isFixed, stepsOf } from './steps.ts'

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
  /** More top-level parameters to take on every route, for a provider that is wider than its description. */
  readonly accepts?: readonly string[]
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

/** Where the API begins, as a configuration writes it. */
const BASES: Readonly<Record<Flavour, string>> = {
  openai: '/v1',
  azure: '/openai/v1',
  anthropic: '',
  gemini: '',
  cohere: '',
  mistral: '/v1',
  azure_ai: '',
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
  const scene = sceneOf(options, name, port)
  const house: House = { scene, recorder, prompter, control: options.control === true }
  server.on('connection', socket => void receive(house, lines, socket))
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    name,
    flavour,
    key: scene.key,
    port,
    origin,
    baseUrl: origin + BASES[flavour],
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

const sceneOf = (options: StageOptions, name: string, port: number): Scene => {
  const issuer = `${name}:${port}`
  return {
    flavour: options.flavour ?? 'openai',
    key: options.key ?? `sk-stage-${name}`,
    models: options.models ?? DEFAULT_MODELS,
    says: options.says ?? CANONICAL,
    prefill: options.prefill ?? (options.flavour === 'anthropic' ? 'continue' : 'ignore'),
    accepts: options.accepts ?? [],
    memory: emptyMemory(),
    vault: vaultOf(options.organisation ?? issuer),
    id: idMaker(issuer),
    now: () => Math.floor(Date.now() / 1000),
  }
}

type House = {
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
  const inspected = attempt(() => inspect(house.scene, head, hit))
  if (inspected instanceof StageRefusal) hit.refusal = inspected
  hit.fault = house.prompter.next(hit.path, modelIn(hit))
  if (isFixed(hit.fault))
    return stepsOf(
      hit.fault,
      staging(house, () => json({})),
    )
  const answer = inspected instanceof StageRefusal ? inspected : attempt(() => play(inspected))
  if (!(answer instanceof StageRefusal))
    return stepsOf(
      hit.fault,
      staging(house, () => answer),
    )
  hit.refusal = answer
  return stepsOf(
    { kind: 'ok' },
    staging(house, () => json(refusalBody(house.scene.flavour, answer.error), answer.status)),
  )
}

const play = (inspected: Inspected): Answer => inspected.handler(inspected.ask)

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
const modelIn = (hit: Hit): string | undefined => {
  try {
    const body = hit.json
    if (isObject(body) && typeof body.model === 'string') return body.model
    return geminiModelIn(hit.path)
  } catch {
    return /name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)/.exec(hit.text)?.[1]
  }
}

const staging = (house: House, answer: () => Answer) => ({
  headers: commonHeaders(house.scene),
  errorFor: (status: number, wait?: string): JsonObject => errorBody(house.scene.flavour, status, wait),
  answer,
})

/** What every answer of this provider carries. */
const commonHeaders = (scene: Scene): Headers => {
  const date = new Date(scene.now() * 1000).toUTCString()
  if (scene.flavour === 'gemini') return { date, 'server-timing': 'gfet4t7; dur=12' }
  if (scene.flavour === 'cohere') return { date, 'x-debug-trace-id': scene.id('') }
  if (scene.flavour === 'mistral') return { date, 'mistral-correlation-id': scene.id('') }
  if (scene.flavour !== 'anthropic') return { date, ...openaiHeaders(scene) }
  return {
    date,
    'request-id': scene.id('req_'),
    'anthropic-organization-id': 'org-stage',
    'anthropic-ratelimit-requests-limit': '10000',
    'anthropic-ratelimit-requests-remaining': '9999',
  }
}

const openaiHeaders = (scene: Scene): Headers => ({
  'x-request-id': scene.id('req_'),
  ...(scene.flavour.startsWith('azure')
    ? { 'apim-request-id': scene.id('apim-'), 'x-ms-region': 'Stage Left' }
    : { 'openai-version': '2020-10-01', 'openai-organization': 'org-stage', 'openai-processing-ms': '12' }),
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
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
