import type { Losses } from './losses.ts'
import type { MediaPart, Part } from './neutral.ts'

/**
 * What a model drew or spoke, for clients whose dialect has no place for it: told in words, and named as lost. The answer
 * was paid for and is whole; a failure would be made again elsewhere, and end the same.
 */

export const isMedia = (part: Part): part is MediaPart =>
  part.kind === 'image' || part.kind === 'file' || part.kind === 'audio'

const sizeOf = (base64: string): string => `${Math.max(1, Math.round((base64.length * 3) / 4 / 1024))} KB`

const namesOf = (media: MediaPart): { readonly what: string; readonly kinds: string } => {
  if (media.kind === 'audio')
    return { what: `${media.mime}, ${sizeOf(media.base64)}`, kinds: 'no place for sound' }
  const { source, kind } = media
  const kinds = kind === 'image' ? 'no place for pictures' : 'no place for files'
  if (source.kind === 'bytes') return { what: `${source.mime}, ${sizeOf(source.base64)}`, kinds }
  return { what: `${kind}: ${source.kind === 'url' ? source.url : source.id}`, kinds }
}

/** Says each piece of one answer; '' for a piece of a recording that was told of already: they come in hundreds. */
export const mediaTeller = (api: string, losses: Losses | undefined): ((media: MediaPart) => string) => {
  let heard = false
  return media => {
    const { what, kinds } = namesOf(media)
    losses?.warn(`content[].${media.kind}`, `an answer of ${api} has ${kinds}: told in words`)
    const again = media.kind === 'audio' && heard
    heard ||= media.kind === 'audio'
    return again ? '' : `[${what}: an answer of ${api} has ${kinds}]`
  }
}
