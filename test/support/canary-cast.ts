import { readFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import { type Served, serve } from '../../src/listen/serve.ts'
import { requestLogPath } from '../../src/record/log.ts'
import { ROUTES, type Route } from '../../src/routes.ts'
import type { Fault } from '../../src/stage/faults.ts'
import type { Hit } from '../../src/stage/recorder.ts'
import type { Stage } from '../../src/stage/stage.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import { type BedrockRequest, type BedrockStage, startBedrockStage } from './bedrock.ts'
import { type Aviary, openAviary, plantedHeaders, plantedQuery } from './canaries.ts'
import type { Arrived, Canary, Where } from './canary.ts'
import { type Play, play, type Reply, replyOf } from './harness.ts'
import { type ClientRequest, modelOf, type Props, propsFor } from './requests.ts'

/** The kinds of provider, in the order in which a request meets them when each one before has failed. */
export const KINDS = [
  'first',
  'twin',
  'v1',
  'classic',
  'compatible',
  'bedrock',
  'anthropic',
  'gemini',
  'cohere',
  'foundry',
] as const
export type Kind = (typeof KINDS)[number]
type StageKind = Exclude<Kind, 'bedrock'>

export type CanaryCast = {
  readonly aviary: Aviary
  readonly play: Play<Readonly<Record<StageKind, object>>>
  readonly stages: Readonly<Record<StageKind, Stage>>
  readonly bedrock: BedrockStage
  /** first, twin and v1; then classic; then compatible; then bedrock for chat and responses, anthropic for messages, gemini for its own. */
  readonly star: (route: Route) => string
  /** One deployment of this kind, no fallbacks. */
  readonly solo: (kind: Kind, route: Route) => string
  readonly send: (request: ClientRequest) => Promise<Reply>
  readonly props: (route: Route, group: string) => Promise<Props>
  /** What reached providers since the last clear, by kind. */
  readonly arrived: () => ReadonlyMap<Kind, readonly Arrived[]>
  /** Why stages refused what they got; empty when they took everything. */
  readonly refused: () => readonly string[]
  /** Query parameters that are for the gateway, the master key among them. */
  readonly query: Readonly<Record<string, string>>
  readonly clear: () => void
  readonly fail: (kind: Kind, times: number) => void
  /** Everything clients were sent, heads and bodies, since the start. */
  readonly told: readonly Reply[]
  readonly log: () => Promise<string>
}

const BEDROCK_MODEL = 'anthropic.claude-3-5-sonnet-20240620-v1:0'
/** Endpoints whose requests can be said in any dialect. */
const CONVERSATIONS = [
  'completions',
  'chat.completions',
  'responses.create',
  'messages.create',
  'gemini.generate',
  'gemini.stream',
]

/** Which endpoints a kind of provider can be asked by. */
export const serves = (kind: Kind, route: Route): boolean => {
  if (kind === 'bedrock') return CONVERSATIONS.includes(route.name) || route.name.startsWith('messages.')
  if (kind === 'anthropic') return CONVERSATIONS.includes(route.name) || route.name.startsWith('messages.')
  // Its models have no text completions of their own, and are of OpenAI's dialect otherwise.
  if (kind === 'foundry' && route.name === 'completions') return false
  if (kind === 'cohere' || kind === 'foundry')
    return CONVERSATIONS.includes(route.name) || /^(?:embeddings|rerank)/.test(route.name)
  if (kind === 'gemini') return CONVERSATIONS.includes(route.name) || route.name.startsWith('gemini.')
  // Where the provider counts no prompts the gateway does, and nobody is asked.
  if (route.name.endsWith('.count_tokens')) return false
  return kind !== 'classic' || !notClassic(route)
}

/** Who is asked last, when all the others have failed. */
export const lastFor = (route: Route): Kind | undefined => {
  if (route.name === 'chat.completions' || route.name === 'responses.create') return 'bedrock'
  if (route.shape === 'gemini') return 'gemini'
  return route.name === 'messages.create' ? 'anthropic' : undefined
}

/** Routes that Azure's dated API does not have. */
export const notClassic = (route: Route): boolean => /^(?:moderations|rerank)/.test(route.name)

type Named = { readonly groups: Map<string, string>; readonly aviary: Aviary }

/** A group name that occurs nowhere else: the same for the same role, every time. */
const groupNamed = ({ groups, aviary }: Named, role: string): string => {
  const known = groups.get(role)
  if (known !== undefined) return known
  const made = aviary.hide(`the group name ${role}`, 'group/')
  groups.set(role, made)
  return made
}

type Raised = Named & {
  readonly stages: Readonly<Record<StageKind, Stage>>
  readonly bedrock: BedrockStage
}

const connectionOf = ({ stages, bedrock, aviary }: Raised, kind: Kind, model: string): JsonObject => {
  if (kind === 'bedrock')
    return {
      model: `bedrock/${BEDROCK_MODEL}`,
      aws_bedrock_runtime_endpoint: bedrock.url,
      aws_region_name: 'us-east-1',
      aws_access_key_id: aviary.all.find(one => one.place === 'aws access key id')?.text ?? '',
      aws_secret_access_key: aviary.all.find(one => one.place === 'aws secret access key')?.text ?? '',
      aws_session_token: aviary.all.find(one => one.place === 'aws session token')?.text ?? '',
    }
  const stage = stages[kind]
  if (kind === 'v1')
    return { model: `azure/${model}`, api_base: stage.baseUrl, api_key: stage.key, api_version: 'v1' }
  if (kind === 'classic')
    return { model: `azure/${model}`, api_base: stage.origin, api_key: stage.key, api_version: '2024-10-21' }
  if (kind === 'anthropic' || kind === 'gemini' || kind === 'cohere')
    return { model: `${kind}/${model}`, api_base: stage.baseUrl, api_key: stage.key }
  if (kind === 'foundry')
    return {
      model: `azure_ai/${model}`,
      api_base: `${stage.origin}/models?api-version=2024-05-01-preview`,
      api_key: stage.key,
    }
  const provider = kind === 'compatible' ? 'hosted_vllm' : 'openai'
  return { model: `${provider}/${model}`, api_base: stage.baseUrl, api_key: stage.key }
}

/** A deployment with a canary in everything that only the gateway has to know of it. */
const entry = (raised: Raised, group: string, kind: Kind, model: string): JsonObject => {
  const { hide } = raised.aviary
  const place = `${kind} in ${group}`
  return {
    model_name: group,
    litellm_params: {
      ...connectionOf(raised, kind, model),
      ...(kind === 'v1' ? { order: 2 } : { order: 1 }),
      tags: [hide(`the tags of ${place}`)],
      region_name: hide(`the region of ${place}`),
      rpm: 100_000,
      tpm: 100_000_000,
      max_parallel_requests: 50,
    },
    model_info: {
      id: hide(`the id of ${place}`),
      base_model: model,
      description: hide(`the description of ${place}`),
      team_id: hide(`the team of ${place}`),
      created_by: hide(`the maker of ${place}`),
      access_groups: [hide(`the access group of ${place}`)],
    },
  }
}

const models = (): readonly string[] => [...new Set(ROUTES.map(modelOf))]

const configFor = (raised: Raised): object => {
  const name = (role: string): string => groupNamed(raised, role)
  const of = (group: string, model: string, ...kinds: readonly Kind[]): JsonObject[] =>
    kinds.map(kind => entry(raised, name(group), kind, model))
  const servable = (kind: Kind, model: string): boolean =>
    ROUTES.some(route => modelOf(route) === model && serves(kind, route))
  const lastOf = (model: string): readonly Kind[] => [
    ...new Set(ROUTES.filter(route => modelOf(route) === model).flatMap(route => lastFor(route) ?? [])),
  ]
  const { hide } = raised.aviary
  return {
    model_list: models().flatMap(model => [
      ...of(`star ${model}`, model, 'first', 'twin', 'v1'),
      ...of(`second ${model}`, model, 'classic'),
      ...of(`third ${model}`, model, 'compatible'),
      ...KINDS.filter(kind => servable(kind, model)).flatMap(kind =>
        of(`solo ${kind} ${model}`, model, kind),
      ),
      ...lastOf(model).flatMap(kind => of(`last ${model}`, model, kind)),
    ]),
    router_settings: {
      num_retries: 1,
      disable_cooldowns: true,
      model_group_alias: { [hide('an alias')]: name(`star ${models()[0]}`) },
      fallbacks: models().flatMap(model => [
        { [name(`star ${model}`)]: [name(`second ${model}`)] },
        { [name(`second ${model}`)]: [name(`third ${model}`)] },
        ...lastOf(model).map(() => ({ [name(`third ${model}`)]: [name(`last ${model}`)] })),
      ]),
    },
    general_settings: { litellm_key_header_name: 'x-house-key' },
    environment_variables: { A_SECRET_OF_THE_HOUSE: hide('an environment variable') },
    credential_list: [
      {
        credential_name: hide('a credential name'),
        credential_values: { api_key: hide('an unused credential', 'sk-') },
      },
    ],
  }
}

const stageOptions = (aviary: Aviary) => {
  const key = (kind: StageKind): string => aviary.hide(`the key of ${kind}`, 'sk-')
  const azure = { flavour: 'azure', models: ['*'] } as const
  return {
    first: { key: key('first'), models: ['*'] },
    twin: { key: key('twin'), models: ['*'] },
    v1: { ...azure, key: key('v1') },
    classic: { ...azure, key: key('classic') },
    // Self-hosted servers take any word as a key: nothing in its form says what it is.
    compatible: { key: aviary.hide('the key of compatible'), models: ['*'] },
    anthropic: { flavour: 'anthropic', models: ['*'], key: key('anthropic') },
    gemini: { flavour: 'gemini', models: ['*'], key: key('gemini') },
    cohere: { flavour: 'cohere', models: ['*'], key: key('cohere') },
    foundry: { flavour: 'azure_ai', models: ['*'], key: key('foundry') },
  } as const
}

const raiseBedrock = async (t: TestContext, aviary: Aviary): Promise<BedrockStage> => {
  const stage = await startBedrockStage({
    accessKeyId: aviary.hide('aws access key id', 'AKIA'),
    secretAccessKey: aviary.hide('aws secret access key'),
    sessionToken: aviary.hide('aws session token'),
  })
  t.after(() => stage.close())
  return stage
}

const bedrockHits = (requests: readonly BedrockRequest[], from: number): readonly Arrived[] =>
  requests.slice(from)

const FAILED: Fault = { kind: 'status', status: 500 }

/** One gateway, every kind of provider, and a canary in everything that is none of their business. */
export const raiseCanaries = async (t: TestContext): Promise<CanaryCast> => {
  const aviary = openAviary()
  const named = { groups: new Map<string, string>(), aviary }
  const masterKey = aviary.hide('the master key', 'sk-')
  const bedrock = await raiseBedrock(t, aviary)
  let served: Served | undefined
  const started = await play(t, {
    stages: stageOptions(aviary),
    config: stages => configFor({ ...named, stages, bedrock }),
    env: { LITELLM_MASTER_KEY: masterKey, UNRELATED_SECRET: aviary.hide('the process environment') },
    start: async options => {
      served = await serve({ ...options, dice: { random: () => 0 } })
      return served
    },
  })
  const { stages } = started
  aviary.watch('the data directory', started.dataDir)
  aviary.watch('the address of the gateway', new URL(started.url).host)
  const headers = plantedHeaders(aviary, masterKey)
  const told: Reply[] = []
  const send: CanaryCast['send'] = async ({ method, path, headers: own, body }) => {
    const client = await started.send({
      method,
      path,
      headers: [...headers, ...own],
      ...(body === undefined ? {} : { body }),
    })
    const reply = await replyOf(client)
    told.push(reply)
    return reply
  }
  let bedrockFrom = 0
  const clear = (): void => {
    for (const stage of Object.values(stages)) stage.clear()
    bedrockFrom = bedrock.requests.length
  }
  return {
    aviary,
    play: started,
    stages,
    bedrock,
    star: route => groupNamed(named, `star ${modelOf(route)}`),
    solo: (kind, route) => groupNamed(named, `solo ${kind} ${modelOf(route)}`),
    send,
    props: (route, group) => {
      clear()
      return propsFor(route, group, send)
    },
    arrived: () => {
      const seen = new Map<Kind, readonly Arrived[]>()
      for (const kind of KINDS)
        seen.set(
          kind,
          kind === 'bedrock' ? bedrockHits(bedrock.requests, bedrockFrom) : stages[kind].requests,
        )
      return seen
    },
    refused: () => [
      ...Object.values(stages).flatMap(stage =>
        stage.requests.flatMap((hit: Hit) =>
          hit.refusal === undefined
            ? []
            : [`${stage.name}, ${hit.method} ${hit.target}: ${hit.refusal.message}`],
        ),
      ),
      ...bedrock.requests
        .slice(bedrockFrom)
        .flatMap(({ refused }) =>
          refused === undefined || refused === 'InternalServerException' ? [] : [`bedrock: ${refused}`],
        ),
    ],
    query: plantedQuery(aviary, masterKey),
    clear,
    fail: (kind, times) => {
      if (kind === 'bedrock')
        bedrock.script(
          { kind: 'status', status: 500, type: 'InternalServerException', message: 'Try again.' },
          times,
        )
      if (kind !== 'bedrock') stages[kind].script(Array.from({ length: times }, () => FAILED))
    },
    told,
    log: async () => {
      await served?.house.journal.flush()
      return readFile(requestLogPath(started.dataDir), 'utf8')
    },
  }
}

/** Where each provider puts its own credential, and nothing else may be. */
const CREDENTIAL_HEADERS: Readonly<Record<Kind, readonly string[]>> = {
  first: ['authorization'],
  twin: ['authorization'],
  v1: ['api-key'],
  classic: ['api-key'],
  compatible: ['authorization'],
  anthropic: ['x-api-key'],
  gemini: ['x-goog-api-key'],
  cohere: ['authorization'],
  // Claude's API has a header of its own.
  foundry: ['authorization', 'x-api-key'],
  bedrock: ['authorization', 'x-amz-security-token'],
}

const AWS: Readonly<Record<string, string>> = {
  authorization: 'aws access key id',
  'x-amz-security-token': 'aws session token',
}

/** A credential is in the header that its own provider makes, towards its own address, and nowhere else. */
export const isOwnCredential = (kind: Kind, canary: Canary, where: Where): boolean => {
  if (where.kind !== 'header' || !CREDENTIAL_HEADERS[kind].includes(where.name)) return false
  return canary.place === (kind === 'bedrock' ? AWS[where.name] : `the key of ${kind}`)
}
