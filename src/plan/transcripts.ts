import { createHash } from 'node:crypto'
import type { Call, Rehydrated } from '../call.ts'
import type { KeptFor } from '../config/config.ts'
import type { Route } from '../routes.ts'
import { valueAt } from '../wire/index.ts'
import { resolveGroup } from './resolve.ts'

/** Calls that are answered with a response, which others go on from; a compaction by the trigger is one. */
const RESPONSES: ReadonlySet<string> = new Set(['responses.create', 'responses.trigger'])

export const makesResponse = ({ name }: Pick<Route, 'name'>): boolean => RESPONSES.has(name)

/** A conversation is kept for this group. */
export const isKeptFor = (
  kept: KeptFor | undefined,
  { config, model }: Pick<Call, 'config' | 'model'>,
): kept is KeptFor => {
  if (kept === undefined) return false
  const { groups } = kept
  return groups.has('*') || groups.has(model) || groups.has(resolveGroup(model, config)?.group ?? model)
}

/** Whose it is is part of the key: nobody else's call can even name it. */
export const transcriptKey = (upstreamId: string, tenant: string): string =>
  `transcript:${createHash('sha256').update(`${tenant}\u0000${upstreamId}`).digest('hex')}`

/** What names the stored conversation that the call goes on with; undefined: nothing does, or two things do. */
export const storedBy = ({ body, pin }: Pick<Call, 'body' | 'pin'>): Rehydrated['of'] | undefined => {
  const name = pin?.because
  if (body.kind !== 'json' || (name !== 'previous_response_id' && name !== 'conversation')) return undefined
  const other = name === 'conversation' ? 'previous_response_id' : 'conversation'
  return (valueAt(body.index, other) ?? null) === null ? name : undefined
}

/** The provider's own id of the conversation that a call adds to; undefined: it adds to none. */
export const conversationOf = ({
  body,
  echoes,
  route,
}: Pick<Call, 'body' | 'echoes' | 'route'>): string | undefined =>
  echoes.size > 0 && makesResponse(route) && body.kind === 'json' && body.index.members.has('conversation')
    ? [...echoes.keys()].at(-1)
    : undefined

/** The provider's own id of the response that the call goes on from; undefined: it begins something. */
export const previousOf = ({ body, echoes }: Pick<Call, 'body' | 'echoes'>): string | undefined => {
  const written = body.kind === 'json' ? valueAt(body.index, 'previous_response_id') : undefined
  return typeof written === 'string' && written !== '' ? echoes.keys().next().value : undefined
}
