import assert from 'node:assert/strict'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, type LanguageModel, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { deployment, type Owner, type Play, play } from './support/harness.ts'

// It tells on the standard error that `claude` is no model it knows, and that generateObject will go.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

const CLAUDE = 'us.anthropic.claude-sonnet-4-20250514-v1:0'
const any = { models: ['*'] } as const

type Cast = {
  readonly openai: typeof any
  readonly anthropic: typeof any & { readonly flavour: 'anthropic' }
  readonly gemini: typeof any & { readonly flavour: 'gemini' }
}

/** A group for each dialect, by the provider that serves it. */
export const GROUPS = { gpt: 'openai', claude: 'anthropic', flash: 'gemini', bedrock: 'bedrock' } as const
export type Group = keyof typeof GROUPS

/** The providers of the SDK, as their documentation says to point them at an address. */
const clientsAt = (url: string, apiKey: string) => {
  const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey })
  const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey })
  const google = createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey })
  const compatible = createOpenAICompatible({
    name: 'understudy',
    baseURL: `${url}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
  const models = {
    'openai (responses)': openai,
    'openai.chat': openai.chat,
    anthropic: anthropic,
    google: google,
    'openai-compatible': compatible,
  } satisfies Readonly<Record<string, (group: string) => LanguageModel>>
  return { openai, anthropic, google, compatible, models }
}

export type Clients = ReturnType<typeof clientsAt>
export type ClientName = keyof Clients['models']

export type Ensemble = Play<Cast> & {
  readonly bedrock: BedrockStage
  readonly clients: Clients
  /** The same with a key that opens nothing. */
  readonly strangers: Clients
  /** Forgets what came and what was scripted. */
  readonly clear: () => void
  /** Requests at each provider since then, those that came to none left out; nobody had a word to say against one. */
  readonly asked: () => Readonly<Record<string, number>>
}

export type EnsembleOptions = {
  readonly fallbacks?: readonly JsonObject[]
  readonly more?: (stages: { readonly [Name in keyof Cast]: Stage }) => readonly JsonObject[]
}

/** Every group at its own provider; who follows whom is the caller's to say. */
export const ensemble = async (owner: Owner, options: EnsembleOptions = {}): Promise<Ensemble> => {
  const bedrock = await startBedrockStage({ models: [CLAUDE] })
  owner.after(() => bedrock.close())
  const house = await play<Cast>(owner, {
    stages: {
      openai: any,
      anthropic: { ...any, flavour: 'anthropic' },
      gemini: { ...any, flavour: 'gemini' },
    },
    config: stages => ({
      model_list: [
        deployment('gpt', stages.openai, 'gpt-4.1'),
        deployment('claude', stages.anthropic, 'claude-sonnet-4-5'),
        deployment('flash', stages.gemini, 'gemini-2.5-flash'),
        {
          model_name: 'bedrock',
          litellm_params: {
            model: `bedrock/${CLAUDE}`,
            aws_bedrock_runtime_endpoint: bedrock.url,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIASTAGE',
            aws_secret_access_key: 'stage-secret',
          },
        },
        ...(options.more?.(stages) ?? []),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: options.fallbacks ?? [] },
    }),
  })
  let seen = 0
  const { openai, anthropic, gemini } = house.stages
  return {
    ...house,
    bedrock,
    clients: clientsAt(house.url, house.key),
    strangers: clientsAt(house.url, 'sk-nobody'),
    clear: () => {
      for (const stage of [openai, anthropic, gemini]) stage.clear()
      seen = bedrock.requests.length
    },
    asked: () => {
      for (const { requests } of [openai, anthropic, gemini])
        for (const { refusal, text } of requests) assert.equal(refusal?.message, undefined, text)
      const mine = bedrock.requests.slice(seen)
      for (const { refused, json } of mine) assert.equal(refused, undefined, JSON.stringify(json))
      const counts = { openai, anthropic, gemini, bedrock: { requests: mine } }
      return Object.fromEntries(
        Object.entries(counts).flatMap(([name, { requests }]) =>
          requests.length === 0 ? [] : [[name, requests.length]],
        ),
      )
    },
  }
}

export const tools = {
  look: tool({
    description: 'Looks somewhere.',
    inputSchema: z.object({ at: z.string() }),
    execute: async ({ at }) => `a tree at the ${at}`,
  }),
}

/** Two calls, one after the other, and the words that end it. */
export const TASK =
  'Look around. [stage:call look {"at":"left"}] [stage:call look {"at":"right"}] [stage:say trees everywhere]'
export const looked = [{ at: 'left' }, { at: 'right' }]

/** The gateway is the one that tries again. */
export const once = { maxRetries: 0 } as const

/** Everything that a streamed answer told, its raw events too. */
export type Told = {
  readonly text: string
  readonly calls: readonly unknown[]
  readonly steps: number
  readonly finish: string
  readonly raw: readonly JsonObject[]
  readonly errors: readonly unknown[]
}

/** Reads fullStream to its end. An event that the SDK's schemas do not take is among the errors. */
export const told = async (model: LanguageModel, prompt: string, withTools = false): Promise<Told> => {
  const answer = streamText({
    model,
    prompt,
    ...once,
    ...(withTools ? { tools, stopWhen: stepCountIs(5) } : {}),
    include: { rawChunks: true },
    onError: () => {},
  })
  let text = ''
  let steps = 0
  let finish = ''
  const calls: unknown[] = []
  const raw: JsonObject[] = []
  const errors: unknown[] = []
  for await (const part of answer.fullStream) {
    if (part.type === 'text-delta') text += part.text
    else if (part.type === 'tool-call') calls.push(part.input)
    else if (part.type === 'raw') raw.push(part.rawValue as JsonObject)
    else if (part.type === 'finish-step') steps += 1
    else if (part.type === 'finish') finish = part.finishReason
    else if (part.type === 'error') errors.push(part.error)
  }
  return { text, calls, steps, finish, raw, errors }
}

/** The error of a call that must fail. */
export const failing = async (promise: PromiseLike<unknown>): Promise<APICallError> => {
  const error = await promise.then(
    () => assert.fail('the call was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(APICallError.isInstance(error), `not an APICallError: ${error}`)
  return error
}
