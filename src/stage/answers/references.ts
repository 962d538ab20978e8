import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { refuse } from '../refusal.ts'
import type { Ask } from '../scene.ts'

/** Ids in a request that this account never issued are not found, whatever they are in another one. */

const listOf = (value: Json | undefined): readonly JsonObject[] =>
  (Array.isArray(value) ? (value as readonly Json[]) : []).filter(isObject)

const textsOf = (value: Json | undefined): readonly string[] =>
  (Array.isArray(value) ? (value as readonly Json[]) : []).filter(one => typeof one === 'string')

const missing = (what: string, id: string, param: string): Error =>
  refuse(404, `${what} with id '${id}' not found.`, { param })

const checkFile = ({ scene }: Ask, id: Json | undefined, param: string): void => {
  if (typeof id === 'string' && !scene.memory.files.has(id)) throw missing('File', id, param)
}

const checkContainer = ({ scene }: Ask, id: Json | undefined, param: string): void => {
  if (typeof id === 'string' && !scene.memory.others.has(id)) throw missing('Container', id, param)
}

const checkTool = (ask: Ask, tool: JsonObject, at: string): void => {
  const { container, environment } = tool
  checkContainer(ask, container, `${at}.container`)
  if (isObject(container)) for (const id of textsOf(container.file_ids)) checkFile(ask, id, `${at}.container`)
  if (isObject(environment)) checkContainer(ask, environment.container_id, `${at}.environment`)
  for (const id of textsOf(tool.vector_store_ids))
    if (!ask.scene.memory.vectorStores.has(id)) throw missing('Vector store', id, `${at}.vector_store_ids`)
}

/** Items that this account has answered with and keeps. */
const isStored = ({ scene }: Ask, id: string): boolean =>
  [...scene.memory.responses.values()].some(({ response, inputItems }) =>
    [...listOf(response.output), ...inputItems].some(item => item.id === id),
  )

const checkItem = (ask: Ask, item: JsonObject): void => {
  const bare =
    item.type === 'item_reference' ||
    (item.type === 'reasoning' && typeof item.encrypted_content !== 'string')
  if (bare && typeof item.id === 'string' && !isStored(ask, item.id))
    throw refuse(
      404,
      `Item with id '${item.id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
      { param: 'input' },
    )
}

/** A call may be approved that was asked for here, in the input or in what this account keeps. */
const checkApproval = (ask: Ask, item: JsonObject, input: readonly JsonObject[]): void => {
  const { type, approval_request_id: id } = item
  if (type !== 'mcp_approval_response' || typeof id !== 'string') return
  const asked = input.some(other => other.type === 'mcp_approval_request' && other.id === id)
  if (!asked && !isStored(ask, id)) throw missing('Approval request', id, 'input')
}

/** Throws for the first id of a Responses request that is not known here. */
export const checkReferences = (ask: Ask): void => {
  const { body, scene } = ask
  const input = listOf(body.input)
  for (const [at, item] of input.entries()) {
    checkItem(ask, item)
    checkApproval(ask, item, input)
    for (const part of [...listOf(item.content), ...listOf(item.output)])
      checkFile(ask, part.file_id, `input[${at}]`)
  }
  for (const [at, tool] of listOf(body.tools).entries()) checkTool(ask, tool, `tools[${at}]`)
  const prompt = isObject(body.prompt) ? body.prompt.id : undefined
  if (typeof prompt === 'string' && !scene.memory.others.has(prompt))
    throw missing('Prompt', prompt, 'prompt.id')
}
