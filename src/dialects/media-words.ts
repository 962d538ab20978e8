import type { Losses } from './losses.ts'
import type { MediaPart, NeutralEvent, Part } from './neutral.ts'

/**
 * What a model drew or spoke, for clients whose dialect has no place for it: told in words, and named as lost. The answer
 * was paid for and is whole; a failure would be made again elsewhere, and end the same.
 */

export const isMedia = (part: Part): part is MediaPart =>
  part.kind === 'image' || part.kind === 'file' || part.kind === 'audio'

const sizeOf = (base64: string): string => `${Math.max(1, Math.round((base64.length * 3) / 4 / 1024))} KB`

/** An address may hold the picture itself, in a form that is not read here. */
const LONGEST = 1000

const namesOf = (media: MediaPart): { readonly what: string; readonly kinds: string } => {
  if (media.kind === 'audio')
    return { what: `${media.mime}, ${sizeOf(media.base64)}`, kinds: 'no place for sound' }
  const { source, kind } = media
  const kinds = kind === 'image' ? 'no place for pictures' : 'no place for files'
  if (source.kind === 'bytes') return { what: `${source.mime}, ${sizeOf(source.base64)}`, kinds }
  const place = source.kind === 'url' ? source.url : source.id
  return { what: `${kind}: ${place.length > LONGEST ? `${place.slice(0, LONGEST)}…` : place}`, kinds }
}

/** Says each piece of one answer; '' for a piece of a recording that was told of already: they come in hundreds. */
export type MediaTeller = (media: MediaPart) => string

export const mediaTeller = (api: string, losses: Losses | undefined): MediaTeller => {
  let heard = false
  return media => {
    const { what, kinds } = namesOf(media)
    losses?.warn(`content[].${media.kind}`, `an answer of ${api} has ${kinds}: told in words`)
    const again = media.kind === 'audio' && heard
    heard ||= media.kind === 'audio'
    return again ? '' : `[${what}: an answer of ${api} has ${kinds}]`
  }
}

/** The text that stands for it among the parts of an answer. */
export const toldPart = (media: MediaPart, tell: MediaTeller): readonly Part[] => {
  const text = tell(media)
  return text === '' ? [] : [{ kind: 'text', text }]
}

/** The same in a stream: a text of its own, in the place of what was drawn. */
export const toldEvents = (
  { part, media }: Extract<NeutralEvent, { kind: 'media' }>,
  tell: MediaTeller,
): readonly NeutralEvent[] => {
  const text = tell(media)
  if (text === '') return []
  return [
    { kind: 'open', part, of: 'text' },
    { kind: 'delta', part, text },
    { kind: 'close', part },
  ]
}
