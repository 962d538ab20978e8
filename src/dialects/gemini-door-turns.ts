import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { tellMembers } from './gemini-members.ts'
import { at, listAt, objectAt, signatureOf, textAt } from './gemini-words.ts'
import type { Losses } from './losses.ts'
import type { CallPart, MediaPart, Part, ResultPart, Sealed, TextPart, Turn } from './neutral.ts'

/** `contents` of a client as neutral turns. */

type Call = Pick<CallPart, 'id' | 'name'>

/**
 * Calls by their ids. Ids are optional in this dialect: one that is missing is made of the call's place among all
 * calls, so that it is the same in every later turn; a response without one answers the oldest open call of its name.
 */
type Pairing = {
  readonly given: ReadonlySet<string>
  made: number
  open: Call[]
}

type Reader = { readonly pairing: Pairing; readonly losses: Losses }

const newId = (pairing: Pairing): string => {
  pairing.made += 1
  let id = `call_${pairing.made}`
  while (pairing.given.has(id)) id += '_'
  return id
}

const sealOf = (part: JsonObject): Sealed | undefined => {
  const payload = signatureOf(part)
  return payload === undefined ? undefined : { issuer: 'gemini', payload }
}

const mediaOf = (mime: string, base64: string, name: string | undefined): MediaPart => {
  if (mime.startsWith('image/')) return { kind: 'image', source: { kind: 'bytes', mime, base64 } }
  if (mime.startsWith('audio/')) return { kind: 'audio', mime, base64 }
  return {
    kind: 'file',
    source: { kind: 'bytes', mime, base64 },
    ...(name === undefined ? {} : { name }),
  }
}

const inlineOf = (blob: JsonObject): MediaPart =>
  mediaOf(
    textAt(blob, 'mimeType') ?? 'application/octet-stream',
    textAt(blob, 'data') ?? '',
    textAt(blob, 'displayName'),
  )

/** Files that only an account of the issuer can read. */
const OWNED = /^(?:gs:\/\/|https:\/\/generativelanguage\.googleapis\.com\/|files\/)/

const fileOf = (file: JsonObject, path: string): MediaPart => {
  const url = textAt(file, 'fileUri') ?? ''
  if (url === '') throw new Unsupported(`'${path}.fileUri' is missing`, `${path}.fileUri`)
  const mime = textAt(file, 'mimeType')
  const kind = mime?.startsWith('image/') === true ? 'image' : 'file'
  if (OWNED.test(url)) return { kind, source: { kind: 'id', id: url } }
  return { kind, source: { kind: 'url', url, ...(mime === undefined ? {} : { mime }) } }
}

const callOf = (call: JsonObject, part: JsonObject, { pairing, losses }: Reader): CallPart => {
  tellMembers(call, 'contents[].parts[].functionCall', losses)
  const id = textAt(call, 'id') || newId(pairing)
  const name = textAt(call, 'name') ?? ''
  pairing.open.push({ id, name })
  const sealed = sealOf(part)
  const input = JSON.stringify(objectAt(call, 'args') ?? {})
  return { kind: 'call', id, name, input, ...(sealed === undefined ? {} : { sealed }) }
}

/** The call that a response answers; it is open no longer. */
const answeredBy = (response: JsonObject, { pairing }: Reader): Call => {
  const id = textAt(response, 'id') || undefined
  const name = textAt(response, 'name') ?? ''
  const { open } = pairing
  const place =
    id === undefined ? open.findIndex(call => call.name === name) : open.findIndex(call => call.id === id)
  const [call] = place === -1 ? [] : open.splice(place, 1)
  if (call !== undefined) return { id: call.id, name: name || call.name }
  return { id: id ?? newId(pairing), name }
}

/** `{output}` and `{error}` are how a text is written; every other object stays the object it is, as JSON text. */
const saidIn = (response: JsonObject): { readonly text: string; readonly failed: boolean } => {
  const [only, ...more] = Object.keys(response)
  const value = only === undefined ? undefined : response[only]
  if (more.length === 0 && typeof value === 'string') {
    if (only === 'output' || only === 'result') return { text: value, failed: false }
    if (only === 'error') return { text: value, failed: true }
  }
  return { text: JSON.stringify(response), failed: only === 'error' && more.length === 0 }
}

const resultOf = (response: JsonObject, path: string, reader: Reader): ResultPart => {
  tellMembers(response, 'contents[].parts[].functionResponse', reader.losses)
  const { id, name } = answeredBy(response, reader)
  const { text, failed } = saidIn(objectAt(response, 'response') ?? {})
  const more = listAt(response, 'parts').flatMap((part, index): MediaPart[] => {
    if (!isObject(part)) return []
    const inline = objectAt(part, 'inlineData')
    if (inline !== undefined) return [inlineOf(inline)]
    const file = objectAt(part, 'fileData')
    return file === undefined ? [] : [fileOf(file, `${path}.parts[${index}].fileData`)]
  })
  const said: TextPart[] = text === '' ? [] : [{ kind: 'text', text }]
  return { kind: 'result', id, name, content: [...said, ...more], ...(failed ? { failed } : {}) }
}

/** What the model ran on the provider's side is history that others can only read. */
const codeOf = (part: JsonObject): string | undefined => {
  const code = objectAt(part, 'executableCode')
  if (code !== undefined)
    return `\`\`\`${(textAt(code, 'language') ?? '').toLowerCase()}\n${textAt(code, 'code') ?? ''}\n\`\`\`\n`
  const result = objectAt(part, 'codeExecutionResult')
  return result === undefined ? undefined : `\`\`\`\n${textAt(result, 'output') ?? ''}\n\`\`\`\n`
}

const textParts = (part: JsonObject, text: string): Part[] => {
  const sealed = sealOf(part)
  if (at(part, 'thought') === true) {
    return text === '' && sealed === undefined
      ? []
      : [{ kind: 'reasoning', text, ...(sealed === undefined ? {} : { sealed }) }]
  }
  return [
    ...(text === '' ? [] : [{ kind: 'text', text } as const]),
    // A signature may stand on words as well: it has a part of its own, behind them.
    ...(sealed === undefined ? [] : [{ kind: 'reasoning', text: '', sealed } as const]),
  ]
}

const partOf = (part: JsonObject, path: string, reader: Reader): readonly Part[] => {
  const { losses } = reader
  const text = textAt(part, 'text')
  if (text !== undefined) return textParts(part, text)
  const inline = objectAt(part, 'inlineData')
  if (inline !== undefined) return [inlineOf(inline)]
  const file = objectAt(part, 'fileData')
  if (file !== undefined) return [fileOf(file, `${path}.fileData`)]
  const call = objectAt(part, 'functionCall')
  if (call !== undefined) return [callOf(call, part, reader)]
  const response = objectAt(part, 'functionResponse')
  if (response !== undefined) return [resultOf(response, `${path}.functionResponse`, reader)]
  const code = codeOf(part)
  if (code !== undefined) {
    losses.warn('contents[].parts[].executableCode', 'code that the provider ran is told as text')
    return [{ kind: 'text', text: code }]
  }
  if (objectAt(part, 'toolCall') !== undefined || objectAt(part, 'toolResponse') !== undefined) {
    losses.warn('contents[].parts[].toolCall', 'only the provider that ran the tool can read it')
    return []
  }
  const names = Object.keys(part)
  if (names.every(name => name === 'thought' || name === 'thoughtSignature')) return textParts(part, '')
  throw new Unsupported(`'${path}' is a kind of content that no other dialect has`, path)
}

const partsOf = (content: JsonObject, path: string, reader: Reader): readonly Part[] => {
  const written = at(content, 'parts')
  const parts = Array.isArray(written) ? written : isObject(written) ? [written] : []
  return parts.flatMap((part, index) => {
    const place = `${path}.parts[${index}]`
    if (!isObject(part)) throw new Unsupported(`'${place}' is no content part`, place)
    tellMembers(part, 'contents[].parts[]', reader.losses)
    return partOf(part, place, reader)
  })
}

const ROLES: ReadonlyMap<string, Turn['role']> = new Map([
  ['model', 'assistant'],
  ['assistant', 'assistant'],
  ['system', 'system'],
])

/** Ids that the client wrote: what is made must not be one of them. */
const givenIds = (contents: readonly Json[]): ReadonlySet<string> =>
  new Set(
    contents.filter(isObject).flatMap(content =>
      listAt(content, 'parts')
        .filter(isObject)
        .flatMap(part => {
          const id = textAt(objectAt(part, 'functionCall') ?? {}, 'id')
          return id ? [id] : []
        }),
    ),
  )

/** Throws Unsupported, naming the path, for content that only this dialect has. */
export const turnsOf = (contents: Json | undefined, losses: Losses): readonly Turn[] => {
  if (!Array.isArray(contents)) throw new Unsupported("'contents' must be a list", 'contents')
  const reader: Reader = { pairing: { given: givenIds(contents), made: 0, open: [] }, losses }
  let before: Turn['role'] | undefined
  return contents.map((content, index): Turn => {
    const path = `contents[${index}]`
    if (!isObject(content)) throw new Unsupported(`'${path}' is no content`, path)
    tellMembers(content, 'contents[]', losses)
    const role = ROLES.get(textAt(content, 'role') ?? '') ?? 'user'
    // What an earlier turn left unanswered is not answered any more.
    if (role === 'assistant' && before !== 'assistant') reader.pairing.open = []
    before = role
    return { role, parts: partsOf(content, path, reader) }
  })
}

/** The system instruction as a turn: a content, or a bare text as some clients write it. */
export const systemOf = (instruction: Json | undefined, losses: Losses): readonly Turn[] => {
  if (instruction === undefined) return []
  if (typeof instruction === 'string')
    return instruction === '' ? [] : [{ role: 'system', parts: [{ kind: 'text', text: instruction }] }]
  if (!isObject(instruction))
    throw new Unsupported("'systemInstruction' must be a content", 'systemInstruction')
  const reader: Reader = { pairing: { given: new Set(), made: 0, open: [] }, losses }
  const parts = partsOf(instruction, 'systemInstruction', reader)
  return parts.length === 0 ? [] : [{ role: 'system', parts }]
}
