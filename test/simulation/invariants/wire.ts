import type { Config, Deployment } from '../../../src/config/config.ts'
import { isObject, type Json, type JsonObject } from '../../../src/wire/json.ts'
import { MASTER_KEY, type SimClient } from '../client.ts'
import { endpointOf, fieldsOf, wishesOf } from '../endpoints.ts'
import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import { type Attempt, attemptsOf, hitsOf, isBeaten, jsonIn, recordOf, visitsOf } from '../views.ts'

/** What is the gateway's own in a body. */
const INTERNAL =
  /"(?:model_group|model_info|litellm_[a-z_]+|proxy_server_request|user_api_key[a-z_]*|num_retries|fallbacks|[a-z_]+_fallbacks|timeout|stream_timeout|tags|headers|caller|deployment|attempt|trace_id)"\s*:/

const sent = (hit: Hit): JsonObject =>
  hit.body.startsWith('--') ? fieldsOf(hit.body) : (jsonIn(hit.body) ?? {})

const isForm = (hit: Hit): boolean => hit.body.startsWith('--')

/** The parameters that the simulator writes into deployments, and the endpoints that publish them. */
const TEMPERATURE = new Set(['chat', 'chat_by_path', 'completions', 'responses'])
const EXTENDED = new Set([...TEMPERATURE, 'embeddings', 'rerank'])

const taken = (client: SimClient, key: string): boolean =>
  key === 'temperature'
    ? TEMPERATURE.has(client.script.endpoint) || client.script.endpoint === 'transcriptions'
    : EXTENDED.has(client.script.endpoint)

/** The values of every fallback entry that may have led this client here: by the group's name, or by the id. */
const overridesFor = (client: SimClient, config: Config, names: readonly string[]): readonly JsonObject[] => {
  const { fallbacks, contextWindowFallbacks, contentPolicyFallbacks } = config.router
  const listed = [fallbacks, contextWindowFallbacks, contentPolicyFallbacks]
    .flatMap(table => [...(table?.values() ?? [])])
    .flat()
    .filter(target => names.includes(target.group))
    .map(target => target.overrides)
  const own = ((client.script.controls?.fallbacks ?? []) as readonly Json[]).flatMap(target => {
    const { model, ...values } = isObject(target) ? target : { model: target }
    return names.includes(String(model)) ? [values] : []
  })
  return [...listed, ...own]
}

/** Is this what one of the entries says, where the request itself says something else? */
const isOverridden = (hit: Hit, key: string, entries: readonly JsonObject[]): boolean => {
  // A field of a form is a text.
  const said = isForm(hit) ? asText : canonical
  return entries.some(entry => key in entry && said(entry[key]) === said(sent(hit)[key]))
}

/** Values that every way to this group would have brought, and that this request does not have. */
const forgotten = (client: SimClient, hit: Hit, entries: readonly JsonObject[]): readonly string[] => {
  const [one = {}] = entries
  return Object.keys(one).filter(
    key => taken(client, key) && entries.every(entry => key in entry) && !isOverridden(hit, key, entries),
  )
}

/** What a direct request to this deployment would send: the client's members, the deployment's model and defaults. */
const expectedOf = (client: SimClient, deployment: Deployment, priorId: string | undefined): JsonObject => {
  const wishes = wishesOf(client.script, client.index, priorId)
  const config = client.config as Config
  const body: Record<string, Json> = { ...wishes, model: deployment.upstreamModel }
  for (const [key, value] of Object.entries(deployment.defaults))
    if (body[key] === undefined && taken(client, key)) body[key] = value
  Object.assign(body, deployment.extraBody)
  if (
    config.general.alwaysIncludeStreamUsage &&
    client.script.stream === true &&
    asksUsage(client) &&
    body.stream_options === undefined
  )
    body.stream_options = { include_usage: true }
  for (const [key] of deployment.additionalDropParams) delete body[key ?? '']
  return body
}

const asksUsage = ({ script }: SimClient): boolean =>
  ['chat', 'completions'].includes(endpointOf(script).shape)

const canonical = (value: Json | undefined): string =>
  JSON.stringify(value, (_key, inner: Json) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  )

const asText = (value: Json | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

const differences = (hit: Hit, expected: JsonObject): readonly string[] => {
  const body = sent(hit)
  const keys = new Set([...Object.keys(body), ...Object.keys(expected)])
  const same = isForm(hit)
    ? (key: string) =>
        key === 'image' ||
        key === 'file' ||
        body[key] === (expected[key] === undefined ? undefined : asText(expected[key]))
    : (key: string) => canonical(body[key]) === canonical(expected[key])
  return [...keys].filter(key => !same(key))
}

/** The upstream's own id of the response that a request refers to. */
const ownPrior = (world: World, client: SimClient): string | undefined => {
  const { follows } = client.script
  if (client.priorId === undefined || follows === undefined) return undefined
  const before = world.clients[follows]
  const maker =
    before === undefined
      ? undefined
      : hitsOf(world, before).findLast(hit => hit.status === 200 && !isBeaten(world, hit))
  return maker === undefined ? undefined : `resp_h${maker.index}`
}

export const bodiesAreTheClients: Invariant = {
  name: 'bodiesAreTheClients',
  sentence:
    'A body upstream holds what the client wrote and what the operator configured, and no field of the gateway.',
  end: world =>
    world.hits.flatMap(hit => {
      const named = isForm(hit) ? undefined : INTERNAL.exec(hit.body.replace(/"metadata":\{[^}]*\}/, ''))
      return named === null || named === undefined ? [] : [`hit ${hit.index} carries ${named[0]}`]
    }),
}

/** A call of the compact endpoint as it goes to a deployment that has the other wire. */
const triggered = (body: JsonObject): JsonObject => {
  const { input = [] } = body
  const said = typeof input === 'string' ? [{ role: 'user', content: input }] : (input as readonly Json[])
  return { ...body, input: [...said, { type: 'compaction_trigger' }], store: false }
}

export const failoverChangesNothing: Invariant = {
  name: 'failoverChangesNothing',
  sentence:
    'A body after a failover is, with the values of its fallback entry, the one that a direct request would send; a compaction by the other wire, the same with its trigger.',
  end: world =>
    world.clients.flatMap(client => {
      const attempts = attemptsOf(world, client)
      const visits = visitsOf(attempts)
      return attempts.flatMap(({ hit, deployment, step }) => {
        if (deployment === undefined || hit.method === 'GET') return []
        // The question for a summary is no body of the client's.
        if (step.compaction === 'emulated') return []
        const direct = expectedOf(client, deployment, ownPrior(world, client))
        const expected = step.compaction === 'native-other-wire' ? triggered(direct) : direct
        const entries = overridesFor(client, client.config as Config, [step.group, step.deployment])
        const hopped = visits.findIndex(visit => visit.some(one => one.hit === hit)) > 0
        // Whoever is asked to go on gets what was delivered behind the conversation.
        const prefilled = hit.prefill === '' ? [] : ['messages', 'prompt']
        const wrong = [
          ...differences(hit, expected).filter(
            key => !isOverridden(hit, key, entries) && !prefilled.includes(key),
          ),
          ...(hopped ? forgotten(client, hit, entries) : []),
        ]
        return wrong.length === 0
          ? []
          : [`hit ${hit.index} of client ${client.index} differs in ${wrong.join(', ')}`]
      })
    }),
}

const KEY = /sk-sim-(\w+)/g

export const credentialsStayHome: Invariant = {
  name: 'credentialsStayHome',
  sentence:
    "The gateway's key never goes upstream, and a provider's key goes to its own address only, in its own header.",
  end: world =>
    world.hits.flatMap(hit => {
      const texts = [hit.path, hit.body, ...hit.headers.map(([name, value]) => `${name}: ${value}`)]
      const keys = texts.flatMap(text => [...text.matchAll(KEY)].map(([, host]) => ({ host, text })))
      const foreign = keys.filter(
        ({ host, text }) => host !== hit.host || text !== `authorization: Bearer sk-sim-${hit.host}`,
      )
      return [
        ...(texts.some(text => text.includes(MASTER_KEY))
          ? [`hit ${hit.index} carries the gateway's key`]
          : []),
        ...foreign.map(
          ({ host }) => `hit ${hit.index} to ${hit.host} carries the key of ${host} where it does not belong`,
        ),
        ...(keys.length === 0 ? [`hit ${hit.index} to ${hit.host} has no key`] : []),
      ]
    }),
}

const SECRET = /sk-sim-\w+|\bu\d+\.sim\b|\/src\/[a-z]+\/|^\s+at /m

export const nothingSecretIsTold: Invariant = {
  name: 'nothingSecretIsTold',
  sentence:
    'No credential, address of a provider or stack line is in what a client is told of a failure, or in the log.',
  end: world => [
    ...world.clients.flatMap(client => {
      const found = SECRET.exec(client.heard?.body ?? '')
      return found === null ? [] : [`client ${client.index} was told ${found[0]}`]
    }),
    ...world.lines.flatMap(line => {
      const found = SECRET.exec(line) ?? (line.includes('Say your line') ? ['the prompt'] : null)
      return found === null ? [] : [`the log holds ${found[0]}`]
    }),
  ],
}

/** An id is known by its deployment, whatever became of its address since, or by its account. */
const isOwner = (world: World, maker: SimClient, { hit, step }: Attempt): boolean =>
  recordOf(world, maker)?.servedDeployment === step.deployment ||
  hitsOf(world, maker).some(one => one.status === 200 && one.host === hit.host)

export const objectsGoToTheirOwner: Invariant = {
  name: 'objectsGoToTheirOwner',
  sentence:
    'What refers to a stored response goes to the deployment or the account that has it, under its own name for it, and nowhere else.',
  end: world =>
    world.clients.flatMap(client => {
      const { follows } = client.script
      const maker = follows === undefined ? undefined : world.clients[follows]
      if (maker === undefined || client.priorId === undefined || client.priorId === 'resp_unknown') return []
      const id = ownPrior(world, client)
      return attemptsOf(world, client).flatMap(attempt => {
        const { hit } = attempt
        const said =
          hit.method === 'GET' ? /responses\/([^/?]+)/.exec(hit.path)?.[1] : sent(hit).previous_response_id
        // Routes without such state have no such member.
        if (said === undefined || (said === id && isOwner(world, maker, attempt))) return []
        return [`hit ${hit.index} asks ${hit.host} for ${String(said)}; client ${follows} was given ${id}`]
      })
    }),
}
