import { bytesOf, FailedAnswer } from '../dialects/bridge.ts'
import {
  type EmbeddingRequest,
  type EmbeddingWire,
  readEmbeddings,
  writeVectors,
} from '../dialects/embeddings.ts'
import { collectLosses, type Losses } from '../dialects/losses.ts'
import { objectOf, parseJson } from '../dialects/read-json.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { asBuffer } from '../wire/bytes.ts'
import { type Bridged, requestOf, settledLosses } from './bridged.ts'
import { type Ask, type Reading, Unsupported } from './provider.ts'

/** `/embeddings` at providers that have a form of their own for it. */

export const wantsEmbeddings = ({ route }: Ask): boolean => route.name === 'embeddings'

const readAs = (ask: Ask, provider: string, losses: Losses): EmbeddingRequest =>
  readEmbeddings(requestOf(ask, provider), losses)

/** Throws Unsupported for what cannot be carried, and with drop_params off for a lost parameter that carries meaning. */
export const embeddingBody = (ask: Ask, wire: EmbeddingWire, provider: string): Bridged => {
  const losses = collectLosses()
  const request = readAs(ask, provider, losses)
  const { most = request.texts.length } = wire
  if (request.texts.length > most)
    throw new Unsupported(
      `${provider} makes the vector of ${most} text a request for ${ask.model}, and 'input' has ${request.texts.length}`,
      'input',
    )
  const body = wire.write(request, losses)
  return { body: bytesOf(body), warnings: settledLosses(ask, losses, { provider, dialect: ask.model }) }
}

const translated = (ask: Ask, wire: EmbeddingWire, bytes: Uint8Array): Uint8Array => {
  const answer = objectOf(parseJson(asBuffer(bytes).toString()))
  if (answer === undefined) return bytes
  const count = (text: string): number => countPromptTokens(text, ask.model)
  try {
    const request = readAs(ask, '', collectLosses())
    return bytesOf(writeVectors(wire.read(answer), request, { model: ask.model, count }))
  } catch (error) {
    if (error instanceof FailedAnswer) return bytesOf({ error: objectOf(answer.error) ?? error.error })
    throw error
  }
}

export const embeddingReading = (
  ask: Ask,
  wire: EmbeddingWire,
  more: Pick<Reading, 'errorOf'> = {},
): Reading => ({ translate: bytes => translated(ask, wire, bytes), ...more })
