import { createHash } from 'node:crypto'
import type { JsonObject } from '../../wire/json.ts'
import { type Answer, dataEvent, type Event, json, namedEvent, pieces, stream, text } from '../answer.ts'
import { countTokens, directionOf, textOf, tokensOf } from '../lines.ts'
import { invalidValue } from '../refusal.ts'
import type { Ask, Handler } from '../scene.ts'

/** A whole PNG of one pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='

const imageUsage = (prompt: string): JsonObject => ({
  total_tokens: countTokens(prompt) + 272,
  input_tokens: countTokens(prompt),
  output_tokens: 272,
  input_tokens_details: { text_tokens: countTokens(prompt), image_tokens: 0 },
})

const images =
  (verb: 'image_generation' | 'image_edit' | 'image_variation'): Handler =>
  ask => {
    const prompt = textOf(ask.body.prompt)
    const count = typeof ask.body.n === 'number' ? ask.body.n : 1
    if (count < 1 || count > 10) throw invalidValue('n', "Invalid 'n': integer between 1 and 10 expected.")
    if (ask.body.stream === true) return stream(imageEvents(ask, verb, prompt))
    // The dall-e models answer with addresses unless asked for b64_json; the newer ones always send the bytes.
    const address = ask.model.startsWith('dall-e') && ask.body.response_format !== 'b64_json'
    const data = Array.from({ length: count }, (_, index) =>
      address
        ? { url: `https://images.example.com/${ask.scene.id('img-')}-${index}.png` }
        : { b64_json: PIXEL },
    )
    const created = ask.scene.now()
    return json(address ? { created, data } : { created, data, usage: imageUsage(prompt), ...looks(ask) })
  }

const looks = (ask: Ask): JsonObject => ({
  background: 'opaque',
  output_format: textOf(ask.body.output_format) || 'png',
  quality: textOf(ask.body.quality) || 'high',
  size: textOf(ask.body.size) || '1024x1024',
})

const imageEvents = (ask: Ask, verb: string, prompt: string): readonly Event[] => {
  const partials = typeof ask.body.partial_images === 'number' ? ask.body.partial_images : 0
  if (partials < 0 || partials > 3)
    throw invalidValue('partial_images', "Invalid 'partial_images': integer between 0 and 3 expected.")
  const base = { b64_json: PIXEL, created_at: ask.scene.now(), ...looks(ask) }
  const events = Array.from({ length: partials }, (_, index) =>
    namedEvent({ type: `${verb}.partial_image`, ...base, partial_image_index: index }, 'content'),
  )
  return [
    ...events,
    namedEvent({ type: `${verb}.completed`, ...base, usage: imageUsage(prompt) }, 'terminal'),
  ]
}

export const imageGenerations = images('image_generation')
export const imageEdits = images('image_edit')
export const imageVariations = images('image_variation')

const SOUNDS: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
}

const PIECE = 1024

/** Eight pieces of noise that depend only on what is to be said, so that two answers can be compared. */
const soundOf = (ask: Ask): readonly Uint8Array[] =>
  Array.from({ length: 8 }, (_, piece) => {
    const blocks = Array.from({ length: PIECE / 32 }, (__, block) =>
      createHash('sha256')
        .update(`${piece}:${block}:${textOf(ask.body.input)}`)
        .digest(),
    )
    return Buffer.concat(blocks)
  })

export const speech: Handler = ask => {
  const format = textOf(ask.body.response_format) || 'mp3'
  const type = SOUNDS[format]
  if (type === undefined) throw invalidValue('response_format', `Invalid value: '${format}'.`)
  const sound = soundOf(ask)
  if (ask.body.stream_format !== 'sse') return pieces(type, sound)
  const input = countTokens(textOf(ask.body.input))
  return stream([
    ...sound.map(part =>
      dataEvent({ type: 'speech.audio.delta', audio: Buffer.from(part).toString('base64') }, 'content'),
    ),
    dataEvent(
      {
        type: 'speech.audio.done',
        usage: { input_tokens: input, output_tokens: 64, total_tokens: input + 64 },
      },
      'terminal',
    ),
  ])
}

const clock = (seconds: number, mark: string): string => `00:00:0${seconds}${mark}000`

export const transcriptions: Handler = ask => {
  const spoken = directionOf(textOf(ask.body.prompt), ask.scene.says).text
  const format = textOf(ask.body.response_format) || 'json'
  if (ask.body.stream === true && ask.model !== 'whisper-1') return stream(transcriptEvents(spoken))
  return written(ask, spoken, format, 'transcribe')
}

export const translations: Handler = ask =>
  written(ask, ask.scene.says, textOf(ask.body.response_format) || 'json', 'translate')

const tokenUsage = (spoken: string): JsonObject => {
  const output = tokensOf(spoken).length
  return {
    type: 'tokens',
    input_tokens: 14,
    input_token_details: { text_tokens: 0, audio_tokens: 14 },
    output_tokens: output,
    total_tokens: 14 + output,
  }
}

const written = (ask: Ask, spoken: string, format: string, task: string): Answer => {
  const usage = ask.model === 'whisper-1' ? { type: 'duration', seconds: 3 } : tokenUsage(spoken)
  if (format === 'json') return json(task === 'translate' ? { text: spoken } : { text: spoken, usage })
  if (format === 'text') return text(`${spoken}\n`)
  if (format === 'srt') return text(`1\n${clock(0, ',')} --> ${clock(3, ',')}\n${spoken}\n\n`)
  if (format === 'vtt') return text(`WEBVTT\n\n${clock(0, '.')} --> ${clock(3, '.')}\n${spoken}\n\n`)
  if (format !== 'verbose_json') throw invalidValue('response_format', `Invalid value: '${format}'.`)
  const segment = { id: 0, seek: 0, start: 0, end: 3, text: spoken, tokens: [1, 2, 3], temperature: 0 }
  const measures = { avg_logprob: -0.2, compression_ratio: 1, no_speech_prob: 0.01 }
  return json({
    task,
    language: 'english',
    duration: 3,
    text: spoken,
    segments: [{ ...segment, ...measures }],
    usage: { type: 'duration', seconds: 3 },
  })
}

const transcriptEvents = (spoken: string): readonly Event[] => [
  ...tokensOf(spoken).map(delta => dataEvent({ type: 'transcript.text.delta', delta }, 'content')),
  dataEvent({ type: 'transcript.text.done', text: spoken, usage: tokenUsage(spoken) }, 'terminal'),
]
