import { classify } from '../attempt/classify.ts'
import { collect } from '../attempt/collect.ts'
import { concealed } from '../attempt/conceal.ts'
import { firstCredential } from '../attempt/credential.ts'
import { plainAnswer } from '../attempt/decode.ts'
import { CONNECT_MS } from '../attempt/limits.ts'
import { withCredential } from '../attempt/once.ts'
import { TransportFault } from '../attempt/transport.ts'
import type { Deployment } from '../config/config.ts'
import { NoCredential } from '../credentials/source.ts'
import type { House } from '../house.ts'
import { parseBody } from '../read/parse.ts'
import { ROUTES, type Route } from '../routes.ts'
import { Departure } from '../signal.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'

const PROBE_MS = 60_000
/** A look at a provider is not given up. */
const NEVER = new Departure()
/** Probes under way at once. */
const PARALLEL = 8

/** The cheapest real call for each model_info.mode. */
const PROBES: Readonly<Record<string, readonly [route: string, body: JsonObject]>> = {
  chat: ['chat.completions', { messages: [{ role: 'user', content: 'ping' }], max_tokens: 16 }],
  completion: ['completions', { prompt: 'ping', max_tokens: 1 }],
  responses: ['responses.create', { input: 'ping', max_output_tokens: 16, store: false }],
  embedding: ['embeddings', { input: 'ping' }],
  moderation: ['moderations', { input: 'ping' }],
  rerank: ['rerank', { query: 'ping', documents: ['ping'] }],
  audio_speech: ['audio.speech', { input: 'ping', voice: 'alloy' }],
}

const routeNamed = (name: string): Route | undefined => ROUTES.find(route => route.name === name)

/** undefined: answered. A text: why it is unhealthy, safe to show. */
const probe = async (deployment: Deployment, house: House): Promise<string | undefined> => {
  const { provider, connection } = deployment
  if (connection.missing !== undefined) return connection.missing
  // What the provider asked for holds for whoever looks, too.
  const bound = house.board.domainNotBefore(deployment.domain)
  if (bound !== undefined)
    return `The provider asked to be left alone for ${Math.ceil((bound - house.clock.now()) / 1000)} s more.`
  const found = PROBES[deployment.info.mode ?? 'chat']
  const route = found === undefined ? undefined : routeNamed(found[0])
  if (found === undefined || route === undefined) return undefined
  const model = deployment.upstreamModel.includes('*') ? '' : deployment.upstreamModel
  if (model === '') return undefined
  const body = parseBody(Buffer.from(JSON.stringify({ model, ...found[1] })), 'application/json', route)
  const ask = {
    route,
    method: 'POST',
    params: {},
    query: '',
    body,
    headers: deployment.extraHeaders,
    model,
    edits: [],
    stream: false,
    dropParams: true,
    allowedParams: [],
  }
  try {
    const draft = connection.draft(ask)
    const limits = { connectMs: CONNECT_MS, headersMs: PROBE_MS }
    const taken = connection.recipe && house.vault.take(connection.recipe)
    const { clock } = house
    const held = await (taken instanceof Promise
      ? firstCredential(taken, { clock, ...limits, signal: NEVER })
      : taken)
    const credential = await connection.authorize(draft, new Date(house.clock.wall()), held)
    const headers = withCredential(draft, credential)
    const answer = plainAnswer(
      await house.transport.send(draft, headers, limits, AbortSignal.timeout(PROBE_MS)),
    )
    const got = await collect(answer, { clock: house.clock, maxBytes: 1024 * 1024, totalMs: PROBE_MS })
    if (answer.status < 400 && got.kind === 'whole') return undefined
    const failure = classify({
      kind: 'response',
      status: answer.status,
      headers: answer.headers,
      body: got.kind === 'whole' ? got.bytes : undefined,
      provider,
      inStream: false,
      sent: true,
      wallNow: house.clock.wall(),
    })
    return concealed(failure, credential).message
  } catch (error) {
    if (error instanceof NoCredential) return error.message
    const fault =
      error instanceof TransportFault ? error : new TransportFault('protocol', 'The probe failed.', false)
    const { message, fault: broke } = classify({ kind: 'transport', fault, provider })
    return broke === undefined ? message : `${message} ${broke}`
  }
}

const endpoint = (deployment: Deployment, error: string | undefined): Json => ({
  model: deployment.litellmModel,
  model_id: deployment.id,
  model_group: deployment.group,
  ...(error === undefined ? {} : { error }),
})

/** Real calls, as LiteLLM's /health makes them: costs a few tokens per deployment. `?model=` narrows it. */
export const health = async ({ house, config, query }: Visit): Promise<LocalAnswer> => {
  const wanted = config.deployments.filter(one => query.model === undefined || one.group === query.model)
  const healthy: Json[] = []
  const unhealthy: Json[] = []
  const queue = [...wanted]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const error = await probe(next, house)
      if (error === undefined) healthy.push(endpoint(next, undefined))
      else unhealthy.push(endpoint(next, error))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
  return json({
    healthy_endpoints: healthy,
    unhealthy_endpoints: unhealthy,
    healthy_count: healthy.length,
    unhealthy_count: unhealthy.length,
  })
}
