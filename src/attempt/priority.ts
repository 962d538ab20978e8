import type { Call } from '../call.ts'
import { peekAt } from '../read/parse.ts'

/** The body's `priority`, as LiteLLM's scheduler reads it, in a form as its text; anything else is no priority. */
export const priorityOf = ({ body, config }: Pick<Call, 'body' | 'config'>): number => {
  const asked = peekAt(body)('priority')
  const priority = typeof asked === 'string' && asked.trim() !== '' ? Number(asked) : asked
  return typeof priority === 'number' && Number.isFinite(priority)
    ? priority
    : config.router.failover.queue.priority
}
