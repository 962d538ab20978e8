import type { JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import { request } from './neutral.fixture.ts'
import type { Asked, NeutralRequest } from './neutral.ts'

/** A question that answers in tests belong to. */
export const askedWith = (more: Partial<NeutralRequest> = {}, body: JsonObject = {}): Asked => ({
  body,
  request: request([], { stream: true, streamUsage: true, ...more }),
  model: 'group',
  unique: 'u1',
  created: 1_700_000_000,
})

/** What a translation made, and what it lost: warnings by name, and parameters. */
export const losing = <Made>(
  make: (losses: ReturnType<typeof collectLosses>) => Made,
): { readonly made: Made; readonly warned: readonly string[]; readonly lost: readonly string[] } => {
  const losses = collectLosses()
  const made = make(losses)
  const { warnings, lost } = losses.found()
  return { made, warned: warnings.map(warning => warning.lost), lost }
}
