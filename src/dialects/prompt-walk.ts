import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { listOf } from './read-json.ts'

/** A walk over a prompt that is to be counted here: its texts, which a tokenizer counts, and what else it holds. */

/** What was found so far; `other` in tokens. */
export type Found = { readonly texts: string[]; other: number }

/** Takes an object for itself: true, and nothing in it is looked at. */
type Take = (value: JsonObject, found: Found) => boolean

/** `silent`: members that are no prompt, as names of things, and what only the provider reads. */
export const promptWalk =
  (silent: ReadonlySet<string>, take: Take) =>
  (value: Json | undefined, found: Found): void => {
    const gather = (inner: Json | undefined): void => {
      if (typeof inner === 'string') found.texts.push(inner)
      else if (Array.isArray(inner)) for (const one of inner as readonly Json[]) gather(one)
      else if (isObject(inner) && !take(inner, found))
        for (const [key, member] of Object.entries(inner)) if (!silent.has(key)) gather(member)
    }
    gather(value)
  }

/** Tools and schemas are told to the model as the JSON they are. */
export const addTools = (tools: Json | undefined, found: Found): void => {
  for (const tool of listOf(tools) ?? []) found.texts.push(JSON.stringify(tool))
}

/** A page of a PDF is read as a picture and as text; how many there are only its bytes tell: about 50 KB each. */
const PER_PAGE = 2000
const PAGE_BASE64 = 68_000

/** Tokens of a document by its base64. */
export const documentTokens = (data: Json | undefined): number =>
  PER_PAGE * Math.max(1, Math.ceil((typeof data === 'string' ? data.length : 0) / PAGE_BASE64))
