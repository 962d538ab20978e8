import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { dataUrl, sourceOf } from './chat-parts.ts'
import type { Asked, MediaPart } from './neutral.ts'
import { listOf, objectOf, textOf } from './read-json.ts'

/**
 * What models draw and speak, in answers of Chat Completions: pictures as `images`, a list of addresses (mostly data
 * URLs), which OpenAI does not have and LiteLLM and OpenRouter do; sound as OpenAI's `audio`.
 */

const pictureOf = (part: Json): readonly MediaPart[] => {
  if (!isObject(part)) return []
  const url = textOf(objectOf(part.image_url)?.url) ?? textOf(part.image_url)
  return url === undefined ? [] : [{ kind: 'image', source: sourceOf(url) }]
}

/** The pictures of a message, or of a piece of one; some servers put them among the parts of its content. */
export const picturesIn = ({ images, content }: JsonObject): readonly MediaPart[] => {
  const parts = (listOf(content) ?? []).filter(part => objectOf(part)?.type === 'image_url')
  return [...(listOf(images) ?? []), ...parts].flatMap(pictureOf)
}

/** undefined: it is no picture, or one that another account keeps. */
const addressOf = (media: MediaPart): string | undefined => {
  if (media.kind !== 'image' || media.source.kind === 'id') return undefined
  const { source } = media
  return source.kind === 'url' ? source.url : dataUrl(source.mime, source.base64)
}

/** `detail` is LiteLLM's. */
const writePicture = (url: string, index: number): JsonObject => ({
  index,
  type: 'image_url',
  image_url: { url, detail: 'auto' },
})

/** Nobody keeps it, whatever its id says: the time is OpenAI's hour. */
const SECONDS_KEPT = 3600

const writeSound = (base64: string, { unique, created }: Asked): JsonObject => ({
  id: `audio_${unique}`,
  data: base64,
  expires_at: created + SECONDS_KEPT,
  transcript: '',
})

/**
 * Members of a message, or of a delta, that hold these; `from`: how many pictures came before. A whole message has one
 * recording: what would not fit is named.
 */
export const mediaMembers = (media: readonly MediaPart[], asked: Asked, from = 0): JsonObject => {
  const pictures = media.flatMap(one => addressOf(one) ?? [])
  const [sound, ...more] = media.filter(one => one.kind === 'audio')
  if (more.length > 0) asked.losses?.warn('content[].audio', 'an answer of chat has one recording')
  return {
    ...(pictures.length === 0
      ? {}
      : { images: pictures.map((url, index) => writePicture(url, from + index)) }),
    ...(sound === undefined ? {} : { audio: writeSound(sound.base64, asked) }),
  }
}
