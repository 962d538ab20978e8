import type { ShapeName } from '../dialects/shape-name.ts'
import type { Edit, Warning } from '../wire/edit.ts'
import { isObject } from '../wire/json.ts'
import { valueInForce } from './in-force.ts'
import { type Ask, Unsupported } from './provider.ts'

/**
 * Threads of the Messages API: with `thread: {type: 'create'}` Anthropic's own service keeps the conversation, and with
 * `{type: 'continue', previous_message_id}` only the new turn is sent. Nobody else keeps one.
 */

/** In every other dialect `thread` is a name that nobody knows. */
const HAS_THREADS: ReadonlySet<ShapeName> = new Set(['messages', 'message_tokens'])

/** What clients hear when a thread is not there: they send the whole conversation in a new one. */
const THREAD_NOT_FOUND = 'thread_not_found'

const LOST: Warning = {
  lost: 'thread',
  because: 'only Anthropic keeps a conversation: the next turn brings all of it',
}

/** A thread that is begun is begun without anybody who keeps it. The next turn hears that it is not there. */
const LEFT_OUT: Edit = { op: 'drop', path: ['thread'], why: 'foreign-key' }

/** What is to be left out for `provider`; undefined: nothing. Throws Unsupported for a turn that is not the whole conversation. */
export const withoutThread = (
  ask: Ask,
  provider: string,
): { readonly edit: Edit; readonly warning: Warning } | undefined => {
  if (provider === 'anthropic' || !HAS_THREADS.has(ask.route.shape)) return undefined
  const thread = valueInForce(ask, 'thread')
  if (thread === undefined || !isObject(thread)) return undefined
  if (thread.type !== 'create')
    throw new Unsupported(
      `'thread' goes on with a conversation that only Anthropic keeps, and ${provider} has not seen: send all of its messages`,
      'thread.previous_message_id',
      THREAD_NOT_FOUND,
    )
  return { edit: LEFT_OUT, warning: LOST }
}
