import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Counter } from './counts.ts'
import { at, listAt, objectAt, textAt } from './gemini-words.ts'
import { addTools, type Found } from './prompt-walk.ts'
import { listOf } from './read-json.ts'

/** A prompt counted here, for providers that count none: texts by the tokenizer, media by what they usually cost. */

/** What surrounds each content, in tokens. */
const PER_CONTENT = 4
/** A picture that fits one tile, and a page of a document. */
const PER_PICTURE = 258
const PAGE_BASE64 = 68_000
/** Sound costs 32 tokens a second: about 16 KB of MP3, 22 KB of base64. */
const SECOND_BASE64 = 22_000
const PER_SECOND = 32

const mediaTokens = (blob: JsonObject): number => {
  const mime = textAt(blob, 'mimeType') ?? ''
  const { length } = textAt(blob, 'data') ?? ''
  if (mime.startsWith('image/')) return PER_PICTURE
  if (mime.startsWith('audio/') || mime.startsWith('video/'))
    return PER_SECOND * Math.max(1, Math.ceil(length / SECOND_BASE64))
  return PER_PICTURE * Math.max(1, Math.ceil(length / PAGE_BASE64))
}

const gather = (part: Json, found: Found): void => {
  if (!isObject(part)) return
  const text = textAt(part, 'text')
  const blob = objectAt(part, 'inlineData')
  if (text !== undefined) found.texts.push(text)
  else if (blob !== undefined) found.other += mediaTokens(blob)
  else if (objectAt(part, 'fileData') !== undefined) found.other += PER_PICTURE
  else
    for (const name of ['functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult']) {
      const value = at(part, name)
      if (value !== undefined) found.texts.push(JSON.stringify(value))
    }
}

/**
 * Contents, system instruction and tools, in the request or in its generateContentRequest. Throws Unsupported for
 * contents that are no list.
 */
export const countGemini: Counter = (body, tokensOf) => {
  const request = objectAt(body, 'generateContentRequest') ?? body
  const contents = listOf(at(request, 'contents') ?? [])
  if (contents === undefined) throw new Unsupported("'contents' has to be a list", 'contents')
  const found: Found = { texts: [], other: 0 }
  const system = objectAt(request, 'systemInstruction')
  for (const content of [...(system === undefined ? [] : [system]), ...contents]) {
    if (!isObject(content)) continue
    found.other += PER_CONTENT
    for (const part of listAt(content, 'parts')) gather(part, found)
  }
  addTools(at(request, 'tools'), found)
  return tokensOf(found.texts.join('\n')) + found.other
}
