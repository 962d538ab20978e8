import type { Json, JsonObject } from '../wire/json.ts'
import { fittingId } from './call-ids.ts'
import type { Asked, MediaPart, Sealed, Source } from './neutral.ts'
import { FOREIGN_ITEM, nativeParts, type Parcel, sealText } from './responses-seal.ts'
import { type Split, splitNames } from './responses-tools.ts'
import { CALL_ID } from './responses-write.ts'

/** The items of an answer, as whole answers and streams write them. */

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** A call as the client is told of it. */
export type Told = {
  readonly id: string
  readonly callId: string
  readonly custom: boolean
  readonly members: JsonObject
}

/** A picture whose bytes are here. */
export type Picture = Extract<Source, { kind: 'bytes' }>

export const RESPONSES_API = 'the Responses API'

export const pictureIn = (part: MediaPart): Picture | undefined =>
  part.kind === 'image' && part.source.kind === 'bytes' ? part.source : undefined

/** Makes the items of one answer. */
export type Maker = {
  readonly message: (index: number, status: ItemStatus, content: readonly JsonObject[]) => JsonObject
  readonly call: (index: number, call: { id: string; name: string; custom?: true }) => Told
  readonly callItem: (told: Told, status: ItemStatus, input: string) => JsonObject
  readonly reasoning: (index: number, text: string, seal: Parcel | undefined) => JsonObject
  readonly image: (index: number, status: ItemStatus, picture: Picture) => JsonObject
}

export const textPart = (
  text: string,
  annotations: readonly JsonObject[] = [],
  logprobs: readonly Json[] = [],
): JsonObject => ({ type: 'output_text', text, annotations, logprobs })

export const refusalPart = (refusal: string): JsonObject => ({ type: 'refusal', refusal })

export const summaryPart = (text: string): JsonObject => ({ type: 'summary_text', text })

/** The client means to send the items back: what cannot be read elsewhere has to show that it cannot. */
const wantsCiphertext = ({ include }: JsonObject): boolean =>
  Array.isArray(include) && include.includes('reasoning.encrypted_content')

/** Foreign seals are wrapped, native ones go as they came; nothing at all is marked where ciphertext was asked for. */
const ciphertext = (seal: Parcel | undefined, wanted: boolean): JsonObject => {
  if (seal === undefined)
    return wanted ? { encrypted_content: sealText({ issuer: 'chat', payload: '' }) } : {}
  return {
    encrypted_content:
      seal.issuer === 'responses' && seal.call === undefined ? nativeParts(seal).encrypted : sealText(seal),
  }
}

const nativeId = (seal: Sealed | undefined): string | undefined =>
  seal?.issuer === 'responses' ? nativeParts(seal).id : undefined

export const itemMaker = ({ body, unique }: Asked): Maker => {
  const split: ReadonlyMap<string, Split> = splitNames(body)
  const wanted = wantsCiphertext(body)
  const named = (flat: string): JsonObject => {
    const found = split.get(flat)
    return found === undefined ? { name: flat } : { name: found.name, namespace: found.namespace }
  }
  const idOf = (kind: string, index: number): string => `${kind}_${FOREIGN_ITEM}${unique}_${index}`
  return {
    message: (index, status, content) => ({
      id: idOf('msg', index),
      type: 'message',
      status,
      role: 'assistant',
      content,
    }),
    call: (index, call) => {
      const custom = call.custom === true
      const callId = call.id === '' ? `call_${unique}_${index}` : fittingId(call.id, CALL_ID)
      return {
        id: idOf(custom ? 'ctc' : 'fc', index),
        callId,
        custom,
        members: { call_id: callId, ...named(call.name) },
      }
    },
    // The published custom call has no status.
    callItem: ({ id, custom, members }, status, input) =>
      custom
        ? { id, type: 'custom_tool_call', ...members, input }
        : { id, type: 'function_call', status, ...members, arguments: input },
    reasoning: (index, text, seal) => ({
      id: nativeId(seal) ?? idOf('rs', index),
      type: 'reasoning',
      summary: text === '' ? [] : [summaryPart(text)],
      ...ciphertext(seal, wanted),
    }),
    image: (index, status, { mime, base64 }) => ({
      id: idOf('ig', index),
      type: 'image_generation_call',
      status,
      // Sent back, it would be refused by providers that do not know it: PNG is what is assumed without it.
      ...(mime === 'image/png' ? {} : { output_format: mime.replace(/^image\//, '') }),
      result: status === 'completed' ? base64 : null,
    }),
  }
}
