import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { breach, listAt, objectAt, onlyKeys, spokenText, textAt, unionAt } from './bedrock-shape.ts'

/** Messages as Converse wants them: user first, alternating, nothing empty, every tool call answered. */

const BLOCKS = [
  'text',
  'image',
  'document',
  'video',
  'audio',
  'toolUse',
  'toolResult',
  'guardContent',
  'cachePoint',
  'reasoningContent',
  'citationsContent',
  'searchResult',
]

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

const checkBytes = (source: Json | undefined, path: string): void => {
  const kind = unionAt(source, ['bytes', 's3Location', 'text', 'content'], path)
  if (kind !== 'bytes' || !isObject(source)) return
  const bytes = textAt(source.bytes, `${path}.bytes`)
  if (!BASE64.test(bytes) || bytes.length % 4 !== 0) breach(`${path}.bytes is not base64.`)
}

const checkImage = (value: Json | undefined, path: string): void => {
  const image = objectAt(value, path)
  onlyKeys(image, ['format', 'source'], path)
  if (!['png', 'jpeg', 'gif', 'webp'].includes(textAt(image.format, `${path}.format`))) {
    breach(`${path}.format must be one of png, jpeg, gif, webp.`)
  }
  checkBytes(image.source, `${path}.source`)
}

const checkDocument = (value: Json | undefined, path: string): void => {
  const document = objectAt(value, path)
  onlyKeys(document, ['name', 'format', 'source', 'context', 'citations'], path)
  const name = textAt(document.name, `${path}.name`)
  if (!/^[A-Za-z0-9()[\] -]{1,200}$/.test(name) || / {2}/.test(name))
    breach(`${path}.name holds a character that is not allowed.`)
  checkBytes(document.source, `${path}.source`)
}

const checkReasoning = (value: Json | undefined, path: string): void => {
  const reasoning = objectAt(value, path)
  if (unionAt(reasoning, ['reasoningText', 'redactedContent'], path) !== 'reasoningText') return
  onlyKeys(objectAt(reasoning.reasoningText, path), ['text', 'signature'], path)
}

const checkToolUse = (value: Json | undefined, path: string): string => {
  const use = objectAt(value, path)
  onlyKeys(use, ['toolUseId', 'name', 'input', 'type'], path)
  textAt(use.name, `${path}.name`)
  objectAt(use.input, `${path}.input`)
  return idAt(use, path)
}

const idAt = (block: JsonObject, path: string): string => {
  const id = textAt(block.toolUseId, `${path}.toolUseId`)
  if (!/^[a-zA-Z0-9_.:-]{1,64}$/.test(id)) breach(`${path}.toolUseId is not an id.`)
  return id
}

const checkToolResult = (value: Json | undefined, path: string): string => {
  const result = objectAt(value, path)
  onlyKeys(result, ['toolUseId', 'content', 'status', 'type'], path)
  const content = listAt(result.content, `${path}.content`)
  // Claude takes an empty list of a tool that did not fail; no other model does.
  if (content.length === 0)
    breach(
      `The content field at ${path} is empty. Add a ContentBlock object to the content field and try again.`,
    )
  content.forEach((block, index) => {
    const at = `${path}.content.${index}`
    const kind = unionAt(block, ['text', 'json', 'image', 'document', 'video', 'searchResult'], at)
    // A blank text is taken here, and nowhere else.
    if (kind === 'text' && isObject(block)) textAt(block.text, `${at}.text`)
    if (kind === 'image' && isObject(block)) checkImage(block.image, `${at}.image`)
  })
  return idAt(result, path)
}

type Tools = { readonly uses: string[]; readonly results: string[] }

const checkBlock = (block: Json, path: string, tools: Tools): void => {
  const kind = unionAt(block, BLOCKS, path)
  if (!isObject(block)) return
  const inner = `${path}.${kind}`
  if (kind === 'text') spokenText(block.text, path)
  if (kind === 'image') checkImage(block.image, inner)
  if (kind === 'document') checkDocument(block.document, inner)
  if (kind === 'reasoningContent') checkReasoning(block.reasoningContent, inner)
  if (kind === 'toolUse') tools.uses.push(checkToolUse(block.toolUse, inner))
  if (kind === 'toolResult') tools.results.push(checkToolResult(block.toolResult, inner))
}

const checkRole = (role: string, index: number, before: string | undefined): void => {
  if (role !== 'user' && role !== 'assistant') breach(`messages.${index}.role must be user or assistant.`)
  if (index === 0 && role !== 'user') {
    breach(
      'A conversation must start with a user message. Try again with a conversation that starts with a user message.',
    )
  }
  if (role === before) {
    breach(
      'A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.',
    )
  }
}

const checkAnswered = (asked: readonly string[], answered: readonly string[], index: number): void => {
  const open = asked.filter(id => !answered.includes(id))
  if (open.length > 0)
    breach(
      `Expected toolResult blocks at messages.${index}.content for the following Ids: ${open.join(', ')}`,
    )
  if (answered.some(id => !asked.includes(id)) || new Set(answered).size !== answered.length) {
    breach(
      `The toolResult blocks at messages.${index}.content do not match the toolUse blocks of the turn before.`,
    )
  }
}

/** Throws Breach at the first fault. */
export const checkMessages = (request: JsonObject): void => {
  const messages = listAt(request.messages, 'messages')
  if (messages.length === 0) breach('The messages field must have at least one message.')
  let before: string | undefined
  let asked: readonly string[] = []
  let usesTools = false
  messages.forEach((each, index) => {
    const message = objectAt(each, `messages.${index}`)
    onlyKeys(message, ['role', 'content'], `messages.${index}`)
    const role = textAt(message.role, `messages.${index}.role`)
    checkRole(role, index, before)
    const content = listAt(message.content, `messages.${index}.content`)
    if (content.length === 0) breach(`The content field in the Message object at messages.${index} is empty.`)
    const tools: Tools = { uses: [], results: [] }
    for (const [at, block] of content.entries()) checkBlock(block, `messages.${index}.content.${at}`, tools)
    if (role === 'user') checkAnswered(asked, tools.results, index)
    usesTools ||= tools.uses.length + tools.results.length > 0
    asked = tools.uses
    before = role
  })
  if (usesTools && request.toolConfig === undefined) {
    breach('The toolConfig field must be defined when using toolUse and toolResult content blocks.')
  }
}
