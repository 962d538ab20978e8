import { honoured, type KeyRow } from './row.ts'

/** Limits of one attempt by phase: of every deployment in router_settings, of one in its litellm_params. */
export const PHASE_ROWS: readonly KeyRow[] = [
  honoured('header_timeout', 'Seconds to the response head of a streamed call. 0: no limit.'),
  honoured(
    'first_token_timeout',
    'Seconds from the start of a streamed call to its first content. 0: no limit. See [failover.md](failover.md#phases).',
  ),
  honoured('idle_timeout', 'Seconds without content in an answer that has begun. 0: no limit.'),
  honoured('attempt_timeout', 'Seconds for one attempt from its start to its last byte. 0: no limit.'),
]
