import type { NeutralAnswer, NeutralEvent, Stop } from './neutral.ts'
import { unsaid } from './read-json.ts'
import type { Usage } from './shape.ts'

/**
 * When a translated answer says nothing. It is asked of what the provider said, before the client's dialect, which may show
 * less of it, has any part in it: a turn of nothing but thoughts, or of what a tool of the provider did, is a turn.
 */

export const NO_TOKEN = unsaid('The provider ended the answer without a single token.', 'empty_answer')

type Ended = { readonly speaks: boolean; readonly stop: Stop; readonly usage: Usage | undefined }

/** The model ended of its own accord, there is nothing, and its provider has counted not one token. */
const isEmpty = ({ speaks, stop, usage }: Ended): boolean =>
  !speaks && stop.kind === 'end' && usage?.outputTokens === 0

export const saysNothing = ({ parts, stop, usage }: NeutralAnswer): boolean =>
  isEmpty({ speaks: parts.some(part => part.kind !== 'text' || part.text !== ''), stop, usage })

/** The same of a stream, event by event: true at the end of one that said nothing. */
export const silenceWatch = (): ((event: NeutralEvent) => boolean) => {
  let speaks = false
  let stop: Stop = { kind: 'end' }
  let usage: Usage | undefined
  return event => {
    if (event.kind === 'open') speaks ||= event.of !== 'text'
    else if (event.kind === 'delta') speaks ||= event.text !== ''
    else if (event.kind === 'media') speaks = true
    else if (event.kind === 'stop') stop = event.stop
    else if (event.kind === 'usage') usage = event.usage
    return event.kind === 'end' && isEmpty({ speaks, stop, usage })
  }
}
