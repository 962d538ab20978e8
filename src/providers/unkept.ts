import type { Differing } from './chat-messages.ts'
import { valueInForce } from './in-force.ts'
import type { Ask } from './provider.ts'
import { hasKey } from './same-dialect.ts'

const NOTHING: Differing = { edits: [], warnings: [] }

/**
 * A provider that keeps no responses and takes no other word for it than `store: false`, or none. What the client wrote
 * beside that is told as lost: it will not find its response again.
 */
export const unkept = (ask: Ask): Differing => {
  if (ask.route.name !== 'responses.create' || !hasKey(ask, 'store')) return NOTHING
  if (valueInForce(ask, 'store') === false || ask.allowedParams.includes('store')) return NOTHING
  return {
    edits: [{ op: 'set', path: ['store'], value: false, why: 'provider-rename' }],
    warnings: [{ lost: 'store', because: 'the provider keeps no responses' }],
  }
}
