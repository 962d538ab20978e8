import { bytesOf, objectIn } from '../dialects/bridge.ts'
import { readVectorRequest, writeVectorAnswer } from '../dialects/gemini-vectors.ts'
import { collectLosses } from '../dialects/losses.ts'
import { routeNamed } from '../route-named.ts'
import type { Warning } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import { requestOf, settledLosses } from './bridged.ts'
import type { Ask, Connection, Draft, Provider, Reading } from './provider.ts'
import { ownHeaders } from './text-apis.ts'

/**
 * Vectors for Google's clients, at every provider: the request becomes one of OpenAI's form, from which each provider
 * makes its own. Google's API itself gets the client's bytes (gemini.ts).
 */

const wantsVectors = ({ route }: Ask): boolean => route.shape === 'gemini_vectors'

const isBatch = ({ route }: Ask): boolean => route.name === 'gemini.batch_embed'

/** Who has a word for what a vector is for. */
const knowsPurposes = ({ name }: Provider): boolean => name === 'vertex_ai'

/** Throws Unsupported for what has no place there. */
const asEmbeddings = (
  ask: Ask,
  provider: Provider,
): { readonly ask: Ask; readonly warnings: readonly Warning[] } => {
  const losses = collectLosses()
  const how = { batch: isBatch(ask), purposes: knowsPurposes(provider), losses }
  const request = readVectorRequest(requestOf(ask, provider.name), how)
  const bytes = bytesOf({ model: ask.model, ...request })
  return {
    ask: {
      ...ask,
      route: routeNamed('embeddings'),
      params: {},
      query: '',
      headers: ownHeaders(ask),
      body: { kind: 'json', bytes, index: indexObject(bytes), contentType: 'application/json' },
      edits: [],
    },
    warnings: settledLosses(ask, losses, { provider: provider.name, dialect: ask.model }),
  }
}

const draftOf = (ask: Ask, connection: Connection, provider: Provider): Draft => {
  if (!wantsVectors(ask)) return connection.draft(ask)
  const asked = asEmbeddings(ask, provider)
  const made = connection.draft(asked.ask)
  return { ...made, edits: [...ask.edits, ...made.edits], warnings: [...asked.warnings, ...made.warnings] }
}

/** Bytes that hold no vectors stay what they are. */
const retold =
  (batch: boolean, inner: Reading['translate']) =>
  (bytes: Uint8Array): Uint8Array => {
    try {
      const own = inner === undefined ? bytes : inner(bytes)
      const answer = writeVectorAnswer(objectIn(own), batch)
      return answer === undefined ? own : bytesOf(answer)
    } catch {
      return bytes
    }
  }

const readingOf = (
  ask: Ask,
  { connection, provider }: { readonly connection: Connection; readonly provider: Provider },
  stamp: Parameters<Connection['reading']>[1],
): Reading => {
  if (!wantsVectors(ask)) return connection.reading(ask, stamp)
  const reading = connection.reading(asEmbeddings(ask, provider).ask, stamp)
  return { ...reading, translate: retold(isBatch(ask), reading.translate) }
}

/** The provider, with vectors for Google's clients. */
export const embeddingFor = (provider: Provider): Provider =>
  provider.name === 'gemini'
    ? provider
    : {
        ...provider,
        connect: params => {
          const connection = provider.connect(params)
          return {
            ...connection,
            draft: ask => draftOf(ask, connection, provider),
            reading: (ask, stamp) => readingOf(ask, { connection, provider }, stamp),
          }
        },
      }
