import { geminiUpstream } from '../dialects/gemini.ts'
import { membersWithIds, unsignedCalls } from '../dialects/gemini-history.ts'
import { isThird, NO_SIGNATURE } from '../dialects/gemini-words.ts'
import { asBuffer } from '../wire/bytes.ts'
import type { Edit } from '../wire/edit.ts'
import { valueAt } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { bridge, bridgedReading } from './bridged.ts'
import type { Ask, Draft, Reading, Stamp } from './provider.ts'
import { encodeBody, hasKey } from './same-dialect.ts'

/** What the providers of generateContent have in common: the client's own bytes where it speaks that dialect. */

export const isNative = (ask: Ask): boolean =>
  ask.route.shape === 'gemini' || ask.route.shape === 'gemini_tokens' || ask.route.shape === 'gemini_vectors'

const BATCH = 'batchEmbedContents'

/** The method of the API that serves this call. */
export const verbOf = (ask: Ask): string => {
  if (ask.route.shape === 'gemini_tokens') return 'countTokens'
  if (ask.route.shape === 'gemini_vectors')
    return ask.route.name === 'gemini.batch_embed' ? BATCH : 'embedContent'
  return ask.stream ? 'streamGenerateContent' : 'generateContent'
}

/** Headers that clients of another dialect mean for its providers. */
const FOREIGN = /^(?:openai|anthropic)-/

/** The ask without what is meant for providers of another dialect. */
export const withoutForeign = (ask: Ask): Ask =>
  ask.headers.some(([name]) => FOREIGN.test(name))
    ? { ...ask, headers: ask.headers.filter(([name]) => !FOREIGN.test(name)) }
    : ask

/** Streams are always read as events, whatever the client gets; the rest of its query is about nothing else. */
export const queryOf = (ask: Ask): string =>
  isNative(ask)
    ? ask.query
        .split('&')
        .filter(pair => !/^(?:%24|\$)?alt(?:=|$)/i.test(pair))
        .join('&')
    : ''

export const streamQuery = (ask: Ask): string => (ask.stream ? 'alt=sse' : '')

const CALLS = ['"functionCall"', '"function_call"'] as const
const RESPONSES = ['"functionResponse"', '"function_response"'] as const

/** The client's contents, parsed only when one of these names is in the body. */
const contentsWith = ({ body }: Ask, names: readonly string[]): Json | undefined => {
  if (body.kind !== 'json') return undefined
  const bytes = asBuffer(body.bytes)
  return names.some(name => bytes.includes(name)) ? valueAt(body.index, 'contents') : undefined
}

/** Calls that another provider made in an earlier turn have no signature, and these models refuse a call without. */
const placeholders = (ask: Ask): readonly Edit[] =>
  isThird(ask.model)
    ? unsignedCalls(contentsWith(ask, CALLS)).map(path => ({
        op: 'set',
        path: ['contents', ...path, 'thoughtSignature'],
        value: NO_SIGNATURE,
        why: 'call-history',
      }))
    : []

/** Vertex AI refuses the ids that the API of AI Studio gives. */
const idless = (ask: Ask): readonly Edit[] =>
  membersWithIds(contentsWith(ask, [...CALLS, ...RESPONSES])).map(name => ({
    op: 'drop',
    path: ['contents', '*', 'parts', '*', name, 'id'],
    why: 'call-history',
  }))

/** As a body names it: the collection is a part of it. */
export const fullName = ({ model }: Ask): string =>
  /^(?:models|tunedModels)\//.test(model) ? model : `models/${model}`

/** The body for this call. Throws Unsupported for what cannot be carried. */
export const geminiBody = (
  ask: Ask,
  provider: string,
  withoutIds = false,
): Pick<Draft, 'body' | 'edits' | 'warnings'> => {
  if (!isNative(ask)) {
    const target = { model: ask.model, allowedParams: ask.allowedParams }
    const { body, warnings } = bridge(ask, geminiUpstream, target, provider)
    return { body: [body], edits: ask.edits, warnings }
  }
  const more: Edit[] = [...placeholders(ask), ...(withoutIds ? idless(ask) : [])]
  // The model is in the path; what a client writes beside it is the group's name.
  if (hasKey(ask, 'model')) more.push({ op: 'drop', path: ['model'], why: 'model' })
  // Of a batch every text names it again.
  if (verbOf(ask) === BATCH && hasKey(ask, 'requests'))
    more.push({ op: 'set', path: ['requests', '*', 'model'], value: fullName(ask), why: 'model' })
  // So does a whole call whose prompt is counted.
  if (hasKey(ask, 'generateContentRequest'))
    more.push({ op: 'set', path: ['generateContentRequest', 'model'], value: fullName(ask), why: 'model' })
  const { body, edits } = encodeBody(ask, '', more)
  return { body, edits, warnings: [] }
}

const SAME_DIALECT: Reading = {}

const UNNAMED: Stamp = { unique: 'answer', created: 0 }

export const geminiReading = (ask: Ask, provider: string, stamp: (() => Stamp) | undefined): Reading =>
  isNative(ask) ? SAME_DIALECT : bridgedReading(ask, geminiUpstream, provider, stamp?.() ?? UNNAMED)
