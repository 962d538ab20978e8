import type { Endpoint } from './endpoint.ts'
import { CHAT_ENDPOINTS, EMBEDDINGS } from './endpoints-chat.ts'
import { MEDIA_ENDPOINTS } from './endpoints-media.ts'
import { RESPONSES_ENDPOINTS } from './endpoints-responses.ts'

export { CHAT_STREAM } from './endpoints-chat.ts'

/** Every endpoint of the bench; the first is the one that the public bench drives. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...CHAT_ENDPOINTS,
  ...RESPONSES_ENDPOINTS,
  EMBEDDINGS,
  ...MEDIA_ENDPOINTS,
]
