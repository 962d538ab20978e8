import type { NeutralAnswer, NeutralDecoder, NeutralEvent, NeutralRequest } from './neutral.ts'

/**
 * Ids of calls for clients that keep them. Some models count their calls anew in every turn, and some give two the same;
 * the client's next turn may go to a provider that wants each id once, in bytes that nobody changes.
 */

/** Makes ids that the conversation does not have: the provider's own, or that with a number. */
const numbering = ({ turns }: NeutralRequest): ((id: string) => string) => {
  const used = new Set(
    turns.flatMap(({ parts }) => parts.flatMap(part => (part.kind === 'call' ? [part.id] : []))),
  )
  return id => {
    let own = id
    // An id that is missing is made by whoever writes the call.
    for (let count = 2; own !== '' && used.has(own); count += 1) own = `${id}_${count}`
    used.add(own)
    return own
  }
}

/** An answer whose calls have ids of their own. */
export const withFreshIds = (answer: NeutralAnswer, request: NeutralRequest): NeutralAnswer => {
  const fresh = numbering(request)
  return {
    ...answer,
    parts: answer.parts.map(part => (part.kind === 'call' ? { ...part, id: fresh(part.id) } : part)),
  }
}

/** The same for a stream. */
export const decodingFreshIds = (decoder: NeutralDecoder, request: NeutralRequest): NeutralDecoder => {
  const fresh = numbering(request)
  const seen = (event: NeutralEvent): NeutralEvent =>
    event.kind === 'open' && event.of === 'call' ? { ...event, id: fresh(event.id) } : event
  return { ...decoder, push: chunk => decoder.push(chunk).map(seen), end: () => decoder.end().map(seen) }
}
