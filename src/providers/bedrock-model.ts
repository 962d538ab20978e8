import { traitsOf } from '../dialects/anthropic-messages-models.ts'
import { embeddingWireFor } from '../dialects/bedrock-embeddings.ts'
import { objectOf } from '../dialects/read-json.ts'
import { valueAt } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { type Ask, Unsupported } from './provider.ts'

/** What a deployment's model string says of Bedrock: which model, where, and by which of its two APIs. */

export type BedrockApi = 'invoke' | 'converse'

export type BedrockModel = {
  readonly id: string
  readonly region: string | undefined
  /** The one that the operator has chosen; undefined: whichever loses less. */
  readonly api: BedrockApi | undefined
}

const REGION = /^(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov|-iso[a-z]?)?-[a-z]+-\d$/

const API = /^(?:invoke|converse)$/

export const isClaude = (id: string): boolean => id.includes('anthropic.claude')

/**
 * `<model>`, `converse/<model>`, `invoke/<model>`, `<region>/<model>`, each with or without `bedrock/`. Throws Unsupported
 * for a model that is known not to be spoken to by InvokeModel.
 */
export const readModel = (model: string): BedrockModel => {
  let id = model.replace(/^bedrock\//, '')
  let region: string | undefined
  let api: BedrockApi | undefined
  for (;;) {
    const head = id.slice(0, Math.max(0, id.indexOf('/')))
    if (API.test(head)) api = head as BedrockApi
    else if (REGION.test(head)) region = head
    else break
    id = id.slice(head.length + 1)
  }
  // An ARN may hide its model; who writes it here says that it is Claude.
  if (api === 'invoke' && !isClaude(id) && !id.startsWith('arn:') && embeddingWireFor(id) === undefined)
    throw new Unsupported(
      'bedrock/invoke/… serves Claude and embeddings only: write bedrock/converse/… or bedrock/<model>',
      'model',
    )
  // An ARN carries its own region: arn:aws:bedrock:<region>:…
  const fromArn = id.startsWith('arn:') ? id.split(':')[3] : undefined
  return { id, region: region ?? (fromArn && REGION.test(fromArn) ? fromArn : undefined), api }
}

/** An answer that has to follow a schema. */
const isBound = ({ body }: Ask): boolean => {
  if (body.kind !== 'json') return false
  const memberOf = (key: string): JsonObject | undefined =>
    body.index.members.has(key) ? objectOf(valueAt(body.index, key)) : undefined
  return objectOf(memberOf('output_config')?.format) !== undefined || memberOf('output_format') !== undefined
}

/** What only Converse can do for this model: where it knows no schema, the translation has other means. */
const needsConverse = (ask: Ask, id: string): boolean =>
  ask.route.shape === 'messages' && !traitsOf(id).structured && isBound(ask)

/** Claude's own clients reach it in its own dialect; everybody else by Converse, which every model has. */
export const apiFor = (ask: Ask, { id, api }: BedrockModel): BedrockApi => {
  if (api !== undefined) return api
  const { shape } = ask.route
  const own = isClaude(id) && (shape === 'messages' || shape === 'message_tokens')
  return own && !needsConverse(ask, id) ? 'invoke' : 'converse'
}

/** The model's own id, as CountTokens wants it: no profile of several regions. Undefined: it is hidden in an ARN. */
export const foundationId = (id: string): string | undefined =>
  /(?:^|[./])(anthropic\.claude[^/]*)$/.exec(id)?.[1]
