import { createHash, randomUUID } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { Secret } from '../config/secret.ts'
import { CONVERSE_STREAM, converseUpstream } from '../dialects/bedrock-converse.ts'
import { converseErrorOf } from '../dialects/bedrock-converse-error.ts'
import { embeddingWireFor } from '../dialects/bedrock-embeddings.ts'
import { INVOKE_STREAM } from '../dialects/bedrock-invoke.ts'
import type { EmbeddingWire } from '../dialects/embeddings.ts'
import { listOf, objectOf } from '../dialects/read-json.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject, valueAt } from '../wire/index.ts'
import { type Base, parseBase, printBase, segment } from './address.ts'
import { AWS_SIGN_IN_PARAMS, chainAwsRecipe, namedAwsRecipe, ownAwsRecipe } from './aws-credentials.ts'
import { invocation, invocationReading, operatorBetas } from './bedrock-invoke.ts'
import { apiFor, type BedrockModel, foundationId, isClaude, readModel } from './bedrock-model.ts'
import { bridge, bridgedReading } from './bridged.ts'
import { findKey, firstOf } from './credential.ts'
import { embeddingBody, embeddingReading, wantsEmbeddings } from './embedding.ts'
import {
  type Ask,
  type Connection,
  type Draft,
  type HeaderPair,
  type Provider,
  type ProviderParams,
  type Reading,
  type Stamp,
  Unsupported,
} from './provider.ts'
import type { Held, Recipe } from './recipe.ts'
import { draftHeaders, unlessGiven } from './same-dialect.ts'

/** LiteLLM's region when none is named. */
const DEFAULT_REGION = 'us-west-2'

const PARAMS = [
  ...AWS_SIGN_IN_PARAMS,
  'aws_access_key_id',
  'aws_secret_access_key',
  'aws_session_token',
  'aws_region_name',
  'aws_bedrock_runtime_endpoint',
  'model_id',
]

const textIn = (params: ProviderParams, name: string): string | undefined => {
  const value = params.extra[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

type Keys = { readonly accessKeyId: string; readonly secret: Secret; readonly token: Secret | undefined }

type Credential =
  | { readonly kind: 'bearer'; readonly key: Secret; readonly id: string }
  | { readonly kind: 'keys'; readonly keys: Keys; readonly id: string }
  | { readonly kind: 'fetched'; readonly recipe: Recipe; readonly id: string }
  | { readonly kind: 'none'; readonly missing: string; readonly id: '' }

const keysFrom = (read: (name: string) => string | undefined): Credential | undefined => {
  const accessKeyId = read('aws_access_key_id')
  const secret = read('aws_secret_access_key')
  if (accessKeyId === undefined || secret === undefined) return undefined
  const token = read('aws_session_token')
  return {
    kind: 'keys',
    keys: {
      accessKeyId,
      secret: new Secret(secret),
      token: token === undefined ? undefined : new Secret(token),
    },
    id: new Secret(`${accessKeyId}:${secret}`).id,
  }
}

/** The deployment's own credential first, then the environment's; a Bedrock API key before access keys. */
const readCredential = (params: ProviderParams, home: string): Credential => {
  const bearer = (key: Secret): Credential => ({ kind: 'bearer', key, id: key.id })
  const fetched = (recipe: Recipe): Credential => ({ kind: 'fetched', recipe, id: recipe.identity })
  if (params.apiKey !== undefined) {
    const found = findKey(params.apiKey, {}, [])
    return found.key === undefined ? { kind: 'none', missing: found.missing, id: '' } : bearer(found.key)
  }
  const ownRecipe = ownAwsRecipe(params, home)
  if (ownRecipe !== undefined) return fetched(ownRecipe)
  const own = keysFrom(name => textIn(params, name))
  if (own !== undefined) return own
  const found = findKey(undefined, params.env, ['AWS_BEARER_TOKEN_BEDROCK'])
  if (found.key !== undefined) return bearer(found.key)
  const named = namedAwsRecipe(params, home)
  if (named !== undefined) return fetched(named)
  const fromEnv = keysFrom(name => firstOf(params.env, [name.toUpperCase()]))
  if (fromEnv !== undefined) return fromEnv
  const chain = chainAwsRecipe(params, home)
  if (chain !== undefined) return fetched(chain)
  const missing =
    'no AWS credential: set aws_access_key_id and aws_secret_access_key, litellm_params.api_key, ' +
    'AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
  return { kind: 'none', missing, id: '' }
}

/** The keys to sign with; undefined where nobody is called. */
const keysOf = (
  credential: Exclude<Credential, { kind: 'bearer' }>,
  held: Held | undefined,
): Keys | undefined => {
  if (credential.kind === 'keys') return credential.keys
  if (held?.kind !== 'keys') return undefined
  const { accessKeyId, secretAccessKey: secret, sessionToken: token } = held
  return { accessKeyId, secret, token }
}

const regionalBase = (region: string): Base => {
  const tail = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return { origin: `https://bedrock-runtime.${region}.${tail}`, path: '', query: '' }
}

/** The region a regional address belongs to; undefined for an address of one's own. */
const regionOf = (origin: string): string | undefined =>
  /^https:\/\/bedrock-runtime\.([a-z0-9-]+)\.amazonaws\./.exec(origin)?.[1]

/** Signs the bytes as they go out. Only host and content-type are covered besides the service's own headers. */
const signed = async (
  draft: Draft,
  keys: Keys,
  place: { region: string; now: Date },
): Promise<HeaderPair[]> => {
  const signer = new SignatureV4({
    service: 'bedrock',
    region: place.region,
    sha256: Sha256,
    credentials: {
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secret.reveal(),
      ...(keys.token === undefined ? {} : { sessionToken: keys.token.reveal() }),
    },
  })
  const hash = createHash('sha256')
  for (const part of draft.body) hash.update(part)
  const url = new URL(draft.origin)
  const { headers } = await signer.sign(
    {
      method: draft.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: draft.path,
      query: {},
      headers: {
        host: url.host,
        'content-type': 'application/json',
        // Given, so that the signer does not hash a large body with the slower portable code.
        'x-amz-content-sha256': hash.digest('hex'),
      },
    },
    { signingDate: place.now },
  )
  return Object.entries(headers).filter(([name]) => name !== 'host' && name !== 'content-type')
}

/** Headers that clients mean for the providers of their own dialect. */
const FOREIGN = /^(?:openai|anthropic|x-goog)-/

const withAccept = (headers: readonly HeaderPair[], accept: string): readonly HeaderPair[] =>
  headers
    .filter(([name]) => !FOREIGN.test(name))
    .map(([name, value]) => (name === 'accept' ? [name, accept] : [name, value]))

const NAME = 'bedrock'

/** One request as one of the two APIs takes it: the last piece of its path, and everything that is not the address. */
type Spoken = Pick<Draft, 'headers' | 'body' | 'edits' | 'warnings'> & { readonly verb: string }

const accepting = (ask: Ask, type: string): readonly HeaderPair[] =>
  withAccept(draftHeaders(ask, 'application/json'), ask.stream ? type : 'application/json')

const FIELDS = 'additionalModelRequestFields'

/** Converse has no header for the betas that the operator has written, and a place in its body. */
const withOperatorBetas = (body: Uint8Array, ask: Ask, id: string): Uint8Array => {
  const betas = operatorBetas(ask)
  // An ARN may hide its model.
  if (betas.length === 0 || !(isClaude(id) || id.startsWith('arn:'))) return body
  const index = indexObject(body)
  const fields = objectOf(valueAt(index, FIELDS))
  const value = [...new Set([...(listOf(fields?.anthropic_beta) ?? []), ...betas])]
  const edit: Edit =
    fields === undefined
      ? { op: 'set', path: [FIELDS], value: { anthropic_beta: value }, why: 'provider-rename' }
      : { op: 'set', path: [FIELDS, 'anthropic_beta'], value, why: 'provider-rename' }
  return joinSegments(applyEdits(index, [edit]))
}

const byConverse = (ask: Ask, id: string): Spoken => {
  const target = { model: id, allowedParams: ask.allowedParams }
  const { body, warnings } = bridge(ask, converseUpstream(id), target, NAME)
  return {
    verb: ask.stream ? 'converse-stream' : 'converse',
    headers: accepting(ask, CONVERSE_STREAM),
    body: [withOperatorBetas(body, ask, id)],
    edits: ask.edits,
    warnings,
  }
}

const byInvoke = (ask: Ask, id: string): Spoken => ({
  headers: accepting(ask, INVOKE_STREAM),
  ...invocation(ask, id),
})

const wireOf = (id: string): EmbeddingWire => {
  const wire = embeddingWireFor(id)
  if (wire === undefined)
    throw new Unsupported(`bedrock makes embeddings with Titan and Cohere models, not with '${id}'`, 'model')
  return wire
}

const byEmbedding = (ask: Ask, id: string): Spoken => {
  const { body, warnings } = embeddingBody(ask, wireOf(id), NAME)
  return { verb: 'invoke', headers: accepting(ask, INVOKE_STREAM), body: [body], edits: ask.edits, warnings }
}

const spokenFor = (ask: Ask, model: BedrockModel): Spoken => {
  if (wantsEmbeddings(ask)) return byEmbedding(ask, model.id)
  return (apiFor(ask, model) === 'invoke' ? byInvoke : byConverse)(ask, model.id)
}

/** Counted by Bedrock: as a body of InvokeModel, for a Claude whose own id is known. */
const counts: Connection['counts'] = ask => {
  const { id, api } = readModel(ask.model)
  return api !== 'converse' && foundationId(id) !== undefined ? 'messages' : undefined
}

const readingOf = (ask: Ask, stamp: Stamp): Reading => {
  const model = readModel(ask.model)
  if (wantsEmbeddings(ask)) return embeddingReading(ask, wireOf(model.id), { errorOf: converseErrorOf })
  return apiFor(ask, model) === 'invoke'
    ? invocationReading(ask, stamp)
    : bridgedReading(ask, converseUpstream(model.id), NAME, stamp)
}

/** A wildcard's model is a word of the client's: it chooses no address, and none of AWS's regions. */
const refuseElsewhere = ({ region }: BedrockModel, home: string): void => {
  if (region !== undefined && region !== home)
    throw new Unsupported(
      `the deployment is in ${home}: for models in ${region} write one with model: bedrock/${region}/*`,
      'model',
    )
}

const connect = (params: ProviderParams): Connection => {
  const { env, extra } = params
  const named = readModel(params.model)
  const home =
    named.region ??
    textIn(params, 'aws_region_name') ??
    firstOf(env, ['AWS_REGION_NAME', 'AWS_REGION', 'AWS_DEFAULT_REGION']) ??
    DEFAULT_REGION
  const written =
    textIn(params, 'aws_bedrock_runtime_endpoint') ??
    (params.apiBase?.trim() || firstOf(env, ['AWS_BEDROCK_RUNTIME_ENDPOINT', 'BEDROCK_API_BASE']))
  const own = written === undefined ? undefined : parseBase(written)
  const credential = readCredential(params, home)
  const fixedId = typeof extra.model_id === 'string' ? extra.model_id : undefined
  // The last moment a request was signed: the time of an answer when the caller brings none.
  let lastSigned = 0
  return {
    baseUrl: printBase(own ?? regionalBase(home)),
    credentialId: credential.id,
    missing: credential.kind === 'none' ? credential.missing : undefined,
    ...(credential.kind === 'fetched' ? { recipe: credential.recipe } : {}),
    draft: ask => {
      const asked = readModel(ask.model)
      if (own === undefined) refuseElsewhere(asked, home)
      const base = own ?? regionalBase(home)
      const { verb, ...spoken } = spokenFor(ask, asked)
      // A count is asked of the model itself, everything else of whatever has been bought of it.
      const id = verb === 'count-tokens' ? foundationId(asked.id) : fixedId
      return {
        method: 'POST',
        origin: base.origin,
        path: `${base.path}/model/${segment(id ?? asked.id, 'model')}/${verb}`,
        ...spoken,
      }
    },
    authorize: async (draft, now, held) => {
      lastSigned = now.getTime()
      if (credential.kind === 'bearer') {
        return unlessGiven(draft, [['authorization', `Bearer ${credential.key.reveal()}`]])
      }
      const keys = keysOf(credential, held)
      if (keys === undefined) return []
      return signed(draft, keys, { region: regionOf(draft.origin) ?? home, now })
    },
    counts,
    reading: (ask, stamp) =>
      readingOf(ask, stamp?.() ?? { unique: randomUUID(), created: Math.floor(lastSigned / 1000) }),
  }
}

export const bedrock: Provider = {
  name: NAME,
  exception: 'BedrockException',
  ownsResources: false,
  params: PARAMS,
  connect,
}
