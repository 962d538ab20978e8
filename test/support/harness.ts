import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dice } from '../../src/house.ts'
import { seededDice } from '../../src/shared/clock.ts'
import { type Stage, type StageOptions, startStage } from '../../src/stage/stage.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import { openRaw, type RawClient, type RawRequest } from './raw.ts'

/** Whose end undoes what was started: a test, or a whole file (`{ after }` of node:test). */
export type Owner = { readonly after: (undo: () => Promise<void>) => void }

/** What the gateway under test is started with. */
export type StartOptions = {
  readonly configPath: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly port: number
  readonly host: string
  readonly dataDir: string
  /** No request lines between the test report's. */
  readonly stdout: boolean
  readonly level: 'silent'
  readonly args: readonly string[]
  readonly dice: Dice
}

/** The rolls of a gateway under test, the same for each: a test that passes once passes again. */
export const rolls = (): Dice => seededDice(1)

/** A running gateway. `close` waits up to `graceMs` milliseconds for calls inside. */
export type Running = { readonly url: string; readonly close: (graceMs?: number) => Promise<void> }
export type Start = (options: StartOptions) => Promise<Running>

export type StageSet = Readonly<Record<string, StageOptions>>
export type Stages<Set extends StageSet> = { readonly [Name in keyof Set]: Stage }

/** The configuration as text, as data, or made from the stages once their addresses are known. */
export type ConfigSource<Set extends StageSet> = Json | object | ((stages: Stages<Set>) => string | object)

export type PlayOptions<Set extends StageSet> = {
  readonly config: ConfigSource<Set>
  /** Stages by name; each is started on a free port before the gateway. */
  readonly stages?: Set
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Default: `serve` of src/listen/serve.ts in this process. */
  readonly start?: Start
}

export type Play<Set extends StageSet> = {
  /** scheme://host:port of the gateway. */
  readonly url: string
  /** The master key, unless the configuration names another. */
  readonly key: string
  readonly stages: Stages<Set>
  readonly dataDir: string
  /** The configuration file, for reload tests. */
  readonly configPath: string
  /** Sends one request with the master key and reads the whole answer. */
  readonly ask: (path: string, body?: Json, more?: Partial<RawRequest>) => Promise<Reply>
  /** A raw connection, closed when the test ends. */
  readonly raw: () => Promise<RawClient>
  /** Sends one request on a new raw connection, with the master key unless headers are given. */
  readonly send: (request: RawRequest) => Promise<RawClient>
  readonly close: (graceMs?: number) => Promise<void>
}

export type Reply = {
  readonly status: number
  /** Lower-case names; repeated ones joined with ', '. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The body as JSON. Throws SyntaxError when it is none. */
  readonly json: () => JsonObject
}

export const MASTER_KEY = 'sk-harness-master-key'

/** The gateway of this checkout. Loaded by address, so that the harness can be used before it exists. */
const serveHere: Start = async options => {
  const module: { readonly serve: Start } = await import(
    new URL('../../src/listen/serve.ts', import.meta.url).href
  )
  return module.serve(options)
}

/** An empty directory that is removed when the test ends. */
export const temporaryDirectory = async (t: Owner): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'understudy-test-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** One model_list entry: group `group` served by this stage under the provider's own name `model`. */
export const deployment = (
  group: string,
  stage: Stage,
  model: string,
  more: JsonObject = {},
): JsonObject => ({
  model_name: group,
  litellm_params: {
    model: `${stage.flavour}/${model}`,
    api_base: stage.baseUrl,
    api_key: stage.key,
    ...(stage.flavour === 'azure' ? { api_version: 'v1' } : {}),
    ...more,
  },
})

const startAll = async <Set extends StageSet>(
  undo: AsyncDisposableStack,
  wanted: Set,
): Promise<Stages<Set>> => {
  const started: Record<string, Stage> = {}
  for (const [name, options] of Object.entries(wanted)) {
    const stage = await startStage({ name, ...options })
    undo.defer(() => stage.close())
    started[name] = stage
  }
  // Every name of `wanted` has its stage now.
  return started as { [Name in keyof Set]: Stage }
}

/** Starts stages and a gateway in front of them; everything is closed and removed when the test ends. */
export const play = async <Set extends StageSet>(t: Owner, options: PlayOptions<Set>): Promise<Play<Set>> => {
  const wanted = options.stages
  // Undone in reverse: clients leave, the gateway closes, then its stages, and last its directory.
  const undo = new AsyncDisposableStack()
  t.after(() => undo.disposeAsync())
  const root = await mkdtemp(join(tmpdir(), 'understudy-test-'))
  undo.defer(() => rm(root, { recursive: true, force: true }))
  const stages = await startAll<Set>(undo, wanted ?? ({} as Set))
  const source = typeof options.config === 'function' ? options.config(stages) : options.config
  // JSON is YAML, so a configuration made in a test needs no other spelling.
  const configText = typeof source === 'string' ? source : JSON.stringify(source, null, 2)
  const configPath = join(root, 'config.yaml')
  const dataDir = join(root, 'data')
  await writeFile(configPath, configText)
  const start = options.start ?? serveHere
  const running = await start({
    configPath,
    env: { LITELLM_MASTER_KEY: MASTER_KEY, ...options.env },
    port: 0,
    host: '127.0.0.1',
    dataDir,
    stdout: false,
    level: 'silent',
    args: options.args ?? [],
    dice: rolls(),
  })
  let closed: Promise<void> | undefined
  const close = (graceMs = 1000) => {
    closed ??= running.close(graceMs)
    return closed
  }
  undo.defer(() => close())
  const raw = async () => {
    const client = await openRaw(running.url)
    undo.defer(() => void client.leave())
    return client
  }
  const send = async (request: RawRequest) => {
    const client = await raw()
    await client.request({
      ...request,
      headers: request.headers ?? [['authorization', `Bearer ${MASTER_KEY}`]],
    })
    return client
  }
  const ask: Play<Set>['ask'] = async (path, body, more) => {
    const client = await send({
      path,
      ...(body === undefined ? {} : { body: jsonBytes(body) }),
      ...more,
      ...jsonHeaders(body, more),
    })
    return replyOf(client)
  }
  return { url: running.url, key: MASTER_KEY, stages, dataDir, configPath, ask, raw, send, close }
}

const jsonBytes = (body: Json): string => (typeof body === 'string' ? body : JSON.stringify(body))

const jsonHeaders = (body: Json | undefined, more: Partial<RawRequest> | undefined): Partial<RawRequest> => {
  const given = more?.headers ?? [['authorization', `Bearer ${MASTER_KEY}`] as const]
  const typed = given.some(([name]) => name.toLowerCase() === 'content-type')
  return { headers: body === undefined || typed ? given : [...given, ['content-type', 'application/json']] }
}

/** Reads one whole answer and leaves. */
export const replyOf = async (client: RawClient): Promise<Reply> => {
  const head = await client.head()
  const text = (await client.body()).toString()
  client.leave()
  const headers: Record<string, string> = {}
  for (const [spelled, value] of head.headers) {
    const name = spelled.toLowerCase()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { status: head.status, headers, text, json: () => JSON.parse(text) }
}
