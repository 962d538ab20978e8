import type { Dialect } from '../../src/dialects/neutral.ts'
import { askFor, connectTo, jsonBody } from '../../src/providers/ask.fixture.ts'
import { providers } from '../../src/providers/index.ts'
import { type Ask, type Connection, type Draft, Unsupported } from '../../src/providers/provider.ts'
import type { Edit } from '../../src/wire/edit.ts'
import { joinSegments } from '../../src/wire/edit.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import { accept } from './accept.ts'

/** One provider for each dialect, and what goes to it. */

type Target = { readonly connection: Connection; readonly model: string }

const CLAUDE_AT_BEDROCK = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const AWS = {
  aws_access_key_id: 'AKIAGOLDEN',
  aws_secret_access_key: 'golden',
  aws_region_name: 'us-east-1',
}

export const TARGETS: Readonly<Record<Dialect, Target>> = {
  chat: {
    connection: connectTo(providers.openai, { key: 'golden', extra: { use_chat_completions_api: true } }),
    model: 'gpt-5.1',
  },
  responses: {
    connection: connectTo(providers.openai, { key: 'golden' }),
    model: 'responses/gpt-5.1',
  },
  messages: { connection: connectTo(providers.anthropic, { key: 'golden' }), model: 'claude-sonnet-4-5' },
  gemini: { connection: connectTo(providers.gemini, { key: 'golden' }), model: 'gemini-3-flash' },
  // Claude's own dialect reaches Claude there by another API, where the model's name leaves the choice.
  converse: {
    connection: connectTo(providers.bedrock, { extra: AWS }),
    model: `converse/${CLAUDE_AT_BEDROCK}`,
  },
  cohere: { connection: connectTo(providers.cohere, { key: 'golden' }), model: 'command-a-03-2025' },
}

export const DIALECTS = Object.keys(TARGETS) as readonly Dialect[]

const routeOf = (from: Json | undefined, stream: boolean): string => {
  switch (from) {
    case 'chat':
      return 'chat.completions'
    case 'responses':
      return 'responses.create'
    case 'messages':
      return 'messages.create'
    case 'gemini':
      return stream ? 'gemini.stream' : 'gemini.generate'
    default:
      throw new Error(`'${String(from)}' is no dialect of a client`)
  }
}

/** What the gateway asks of a provider, for a case with a client's body in it. */
export const askOf = (content: JsonObject, model: string, dropParams: boolean): Ask => {
  const { from, client = {}, stream } = content as { from: Json; client: JsonObject; stream?: boolean }
  const streams = stream ?? client.stream === true
  return askFor(routeOf(from, streams), {
    params: from === 'gemini' ? { model: 'group' } : {},
    body: jsonBody(JSON.stringify(client)),
    model,
    stream: streams,
    dropParams,
  })
}

const refusal = (error: unknown): JsonObject => {
  if (!(error instanceof Unsupported)) throw error
  return { refused: error.message, param: error.param }
}

/** What an edit does, as docs/edits.md names it. */
const edited = ({ op, path, why }: Edit): string => `${op} ${path.join('.')} (${why})`

const DROPPED = 'drop_params: '

const sent = (draft: Draft, content: JsonObject, dialect: Dialect): JsonObject => {
  const body = JSON.parse(new TextDecoder().decode(joinSegments(draft.body))) as JsonObject
  // Within a dialect the client's own words go, and the provider judges them.
  if (content.from !== dialect) accept[dialect](body, TARGETS[dialect].model)
  const lines = (dropped: boolean): readonly string[] =>
    draft.warnings
      .filter(({ because }) => because.startsWith(DROPPED) === dropped)
      .map(({ lost, because }) => `${lost}: ${because.replace(DROPPED, '')}`)
  const [warnings, dropped] = [lines(false), lines(true)]
  return {
    path: draft.path,
    ...(warnings.length === 0 ? {} : { warnings }),
    // Where drop_params is off, each of these is a refusal.
    ...(dropped.length === 0 ? {} : { dropped }),
    ...(content.from === dialect ? { edits: draft.edits.map(edited) } : { body }),
  }
}

/** What one target gets of a case: a request that it accepts, or a refusal. Throws for one that it would refuse. */
const toTarget = (content: JsonObject, dialect: Dialect): JsonObject => {
  const { connection, model } = TARGETS[dialect]
  try {
    return sent(connection.draft(askOf(content, model, true)), content, dialect)
  } catch (error) {
    return refusal(error)
  }
}

export const toAll = (content: JsonObject): JsonObject =>
  Object.fromEntries(DIALECTS.map(dialect => [dialect, toTarget(content, dialect)]))

/** With drop_params off: the message, or undefined when the request goes. */
export const refusedBy = (content: JsonObject, dialect: Dialect): string | undefined => {
  const { connection, model } = TARGETS[dialect]
  try {
    connection.draft(askOf(content, model, false))
    return undefined
  } catch (error) {
    return String(refusal(error).refused)
  }
}
