import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { modelRules } from './anthropic.ts'
import { checkMessages, refuseAddresses } from './anthropic-rules.ts'
import { breach } from './bedrock-shape.ts'
import { StageRefusal } from './refusal.ts'
import type { Scene } from './scene.ts'

/**
 * What InvokeModel accepts of Claude's body: its own schema at the top, the Messages API's rules below. The first breach
 * is thrown as a Breach.
 */

/** Source: Bedrock user guide, "Anthropic Claude Messages API", and the errors that its users report. */
const TOP = [
  'anthropic_version',
  'anthropic_beta',
  'max_tokens',
  'messages',
  'system',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'thinking',
  'metadata',
]

const REQUIRED = ['anthropic_version', 'max_tokens', 'messages']

const BETAS = [
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'token-efficient-tools-2025-02-19',
  'interleaved-thinking-2025-05-14',
  'output-128k-2025-02-19',
  'dev-full-thinking-2025-05-14',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'effort-2025-11-24',
  'tool-search-tool-2025-10-19',
  'tool-examples-2025-10-29',
  'fine-grained-tool-streaming-2025-05-14',
  'compact-2026-01-12',
]

/** Since Claude 4.5: marks that last an hour, output_config, and most betas. */
const isRecent = (model: string): boolean => /claude-[a-z]+-(?:4-[5-9](?!\d)|[5-9])/.test(model)

const refuseExtra = (path: string): never => breach(`${path}: Extra inputs are not permitted`)

const checkTop = (body: JsonObject, model: string): void => {
  for (const key of Object.keys(body)) {
    if (TOP.includes(key) || key === 'context_management') continue
    if (key === 'output_config' && isRecent(model)) continue
    breach(
      `Malformed input request: #: extraneous key [${key}] is not permitted, please reformat your input and try again.`,
    )
  }
  for (const key of REQUIRED)
    if (body[key] === undefined)
      breach(
        `Malformed input request: #: required key [${key}] not found, please reformat your input and try again.`,
      )
  if (body.anthropic_version !== 'bedrock-2023-05-31')
    breach('Malformed input request: #/anthropic_version: must be bedrock-2023-05-31.')
}

const checkBetas = (value: Json | undefined, model: string): readonly string[] => {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length === 0)
    return breach('anthropic_beta: Input should be a valid list')
  const betas = value.map(String)
  const wrong = betas.some(
    beta =>
      !BETAS.includes(beta) ||
      // An older model does not ignore it, as it does at Anthropic.
      (beta === 'interleaved-thinking-2025-05-14' && !/claude-(?:opus|sonnet)-4/.test(model)),
  )
  if (wrong || new Set(betas).size !== betas.length) breach('invalid beta flag')
  return betas
}

/** Members that a beta brings. */
const checkBetaMembers = (body: JsonObject, betas: readonly string[]): void => {
  const manages = betas.includes('context-management-2025-06-27') || betas.includes('compact-2026-01-12')
  if (body.context_management !== undefined && !manages) refuseExtra('context_management')
  const tools = Array.isArray(body.tools) ? body.tools.filter(isObject) : []
  for (const [at, tool] of tools.entries()) {
    const type = String(tool.type ?? 'custom')
    if (!/^(?:custom|computer_|bash_|text_editor_|memory_|tool_search_tool_)/.test(type))
      breach(
        `tools.${at}: Input tag '${type}' found using 'type' does not match any of the expected tags: 'bash_20250124', 'custom', 'memory_20250818', 'text_editor_20250124'`,
      )
    if (tool.defer_loading !== undefined && !betas.includes('tool-search-tool-2025-10-19'))
      refuseExtra(`tools.${at}.custom.defer_loading`)
    if (tool.input_examples !== undefined && !betas.includes('tool-examples-2025-10-29'))
      refuseExtra(`tools.${at}.custom.input_examples`)
  }
}

/** An hour in the cache is for the newer models. */
const checkMarks = (value: Json | undefined, path: string): void => {
  if (Array.isArray(value)) for (const [at, one] of value.entries()) checkMarks(one, `${path}.${at}`)
  if (!isObject(value)) return
  if (isObject(value.cache_control) && value.cache_control.ttl !== undefined)
    refuseExtra(`${path}.cache_control.ttl`)
  checkMarks(value.content, `${path}.content`)
}

const marked = ({ system, messages, tools }: JsonObject): void => {
  checkMarks(system, 'system')
  checkMarks(messages, 'messages')
  checkMarks(tools, 'tools')
}

/** The Messages API's own rules, refused as Bedrock refuses. */
const asBreach = (check: () => void): void => {
  try {
    check()
  } catch (error) {
    if (error instanceof StageRefusal) breach(error.message)
    throw error
  }
}

export const checkInvoke = (body: Json, model: string, scene: Pick<Scene, 'prefill' | 'vault'>): void => {
  if (!isObject(body)) return breach('Malformed input request: #: expected type: JSONObject.')
  checkTop(body, model)
  const betas = checkBetas(body.anthropic_beta, model)
  checkBetaMembers(body, betas)
  if (!isRecent(model)) marked(body)
  const { anthropic_version: _, anthropic_beta: __, ...messages } = body
  asBreach(() => {
    refuseAddresses(messages)
    checkMessages(messages, modelRules(model, scene))
  })
}

/** The body that is to be counted, out of its base64. Throws Breach. */
export const countedBody = (value: Json | undefined): Json => {
  const input = isObject(value) && isObject(value.input) ? value.input : {}
  const invoke = isObject(input.invokeModel) ? input.invokeModel : {}
  if (Object.keys(isObject(value) ? value : {}).join() !== 'input' || typeof invoke.body !== 'string')
    return breach('The input must hold an invokeModel with its body.')
  try {
    return JSON.parse(Buffer.from(invoke.body, 'base64').toString()) as Json
  } catch {
    return breach('The body of invokeModel is no JSON.')
  }
}
