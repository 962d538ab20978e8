import { isObject, type JsonObject } from '../wire/json.ts'
import { at, listAt, objectAt, textAt } from './gemini-words.ts'
import type { Part } from './neutral.ts'

/** groundingMetadata of this dialect and url citations of the others. */

const placeOf = (segment: JsonObject, name: string): number => {
  const value = at(segment, name)
  return typeof value === 'number' ? value : 0
}

/** Places are counted in bytes here, and in UTF-16 units elsewhere. */
const unitsAt = (bytes: Buffer, offset: number): number => bytes.subarray(0, offset).toString('utf8').length
const bytesAt = (text: string, units: number): number => Buffer.byteLength(text.slice(0, units))

/** The sources of a candidate's text, one annotation for each place and source. */
export const annotationsIn = (candidate: JsonObject, text: string): readonly JsonObject[] => {
  const metadata = objectAt(candidate, 'groundingMetadata')
  if (metadata === undefined) return []
  const sources = listAt(metadata, 'groundingChunks').map(chunk =>
    isObject(chunk) ? (objectAt(chunk, 'web') ?? objectAt(chunk, 'retrievedContext')) : undefined,
  )
  const bytes = Buffer.from(text)
  return listAt(metadata, 'groundingSupports')
    .filter(isObject)
    .flatMap(support => {
      const segment = objectAt(support, 'segment') ?? {}
      const place = {
        start_index: unitsAt(bytes, placeOf(segment, 'startIndex')),
        end_index: unitsAt(bytes, placeOf(segment, 'endIndex')),
      }
      return listAt(support, 'groundingChunkIndices').flatMap((index): JsonObject[] => {
        const source = typeof index === 'number' ? sources[index] : undefined
        const url = source === undefined ? undefined : textAt(source, 'uri')
        if (source === undefined || url === undefined) return []
        return [{ type: 'url_citation', url, title: textAt(source, 'title') ?? '', ...place }]
      })
    })
}

export type Cited = { readonly text: string; readonly annotations: readonly JsonObject[] }

const citationOf = (annotation: JsonObject): JsonObject | undefined => {
  return annotation.type === 'url_citation' && typeof annotation.url === 'string' ? annotation : undefined
}

/** Citations of texts as grounding; undefined when there is none. */
export const groundingOfTexts = (cited: readonly Cited[]): JsonObject | undefined => {
  const groundingChunks: JsonObject[] = []
  const groundingSupports: JsonObject[] = []
  for (const [partIndex, { text, annotations }] of cited.entries()) {
    for (const annotation of annotations) {
      const citation = citationOf(annotation)
      if (citation === undefined) continue
      const { url = '', title = '', start_index: start, end_index: end } = citation
      groundingChunks.push({ web: { uri: url, title } })
      if (typeof start !== 'number' || typeof end !== 'number') continue
      groundingSupports.push({
        segment: {
          ...(partIndex === 0 ? {} : { partIndex }),
          startIndex: bytesAt(text, start),
          endIndex: bytesAt(text, end),
          text: text.slice(start, end),
        },
        groundingChunkIndices: [groundingChunks.length - 1],
      })
    }
  }
  return groundingChunks.length === 0 ? undefined : { groundingChunks, groundingSupports }
}

export const groundingOf = (parts: readonly Part[]): JsonObject | undefined =>
  groundingOfTexts(
    parts.flatMap(part =>
      part.kind === 'text' ? [{ text: part.text, annotations: part.annotations ?? [] }] : [],
    ),
  )
