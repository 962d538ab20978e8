import type { Deployment } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import { resolveGroup } from '../plan/resolve.ts'
import type { Json } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'

/** LiteLLM's constant: every model was created at this moment. */
const CREATED = 1677610602

/** Names a caller may use, in file order: groups, then aliases that are not hidden. Wildcards stand as written. */
export const namesFor = ({ config, caller }: Pick<Visit, 'config' | 'caller'>): readonly string[] => {
  const mayUse = caller?.mayUse ?? (() => false)
  const names = new Set<string>()
  for (const deployment of config.deployments) if (mayUse(deployment.group)) names.add(deployment.group)
  for (const [alias, target] of config.aliases) if (!target.hidden && mayUse(target.group)) names.add(alias)
  return [...names]
}

const card = (id: string): Json => ({ id, object: 'model', created: CREATED, owned_by: 'openai' })

/** Clients of the Messages API say its version with every request, and read another form of this list. */
export const asksForMessages = (headers: Visit['headers']): boolean =>
  headers['anthropic-version'] !== undefined

/** Google's clients name themselves, and ask under paths of OpenAI's, too. A key alone, in whichever header, says nothing. */
export const asksForGoogle = (headers: Visit['headers']): boolean =>
  headers['x-goog-api-client'] !== undefined

const messagesCard = (id: string): Json => ({
  type: 'model',
  id,
  display_name: id,
  created_at: new Date(CREATED * 1000).toISOString().replace('.000', ''),
})

/** As many as that API gives when nobody says how many, and at most. */
const PAGE = { usual: 20, most: 1000 }

const pageSize = (written: string | undefined): number => {
  const size = written === undefined ? PAGE.usual : Number(written)
  if (Number.isInteger(size) && size >= 1 && size <= PAGE.most) return size
  throw new Refusal(400, `limit: a number from 1 to ${PAGE.most} is expected.`, {
    type: 'invalid_request_error',
    param: 'limit',
  })
}

/** One page, from behind `after_id` or up to `before_id`. */
const messagesPage = (names: readonly string[], query: Visit['query']): LocalAnswer => {
  const size = pageSize(query.limit)
  const { after_id: after, before_id: before } = query
  const end = before === undefined ? names.length : Math.max(0, names.indexOf(before))
  const start =
    before === undefined ? (after === undefined ? 0 : names.indexOf(after) + 1) : Math.max(0, end - size)
  const page = names.slice(start, Math.min(end, start + size))
  return json({
    data: page.map(messagesCard),
    has_more: before === undefined ? start + page.length < names.length : start > 0,
    first_id: page[0] ?? null,
    last_id: page.at(-1) ?? null,
  })
}

/** A name that a call may ask for: of the list, or one that a wildcard serves. */
const isServed = (id: string, visit: Visit): boolean => {
  if (namesFor(visit).includes(id)) return true
  const resolved = resolveGroup(id, visit.config)
  return (
    resolved !== undefined &&
    !resolved.byId &&
    visit.caller?.mayUse(resolved.group) === true &&
    resolved.candidates.some(({ deployment }) => deployment.group.includes('*'))
  )
}

/** The model that the path names. Throws Refusal for one that the caller may not use, or that is not there. */
export const nameIn = (visit: Visit): string => {
  const id = visit.params['*'] ?? ''
  if (isServed(id, visit)) return id
  throw new Refusal(
    404,
    `The model '${id.slice(0, 200)}' does not exist. Call \`/v1/models\` to view available models for your key.`,
    {
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    },
  )
}

/** The list as OpenAI's and Anthropic's clients read it. */
export const modelList = (visit: Visit): LocalAnswer => {
  const names = namesFor(visit)
  return asksForMessages(visit.headers)
    ? messagesPage(names, visit.query)
    : json({ data: names.map(card), object: 'list' })
}

export const modelCard = (visit: Visit): LocalAnswer => {
  const id = nameIn(visit)
  return json(asksForMessages(visit.headers) ? messagesCard(id) : card(id))
}

const shown = (deployment: Deployment): Json => ({
  model_name: deployment.group,
  litellm_params: deployment.shown,
  model_info: { ...deployment.info.raw, id: deployment.id, db_model: false },
})

/** What is configured, without a credential; `?litellm_model_id=` asks for one deployment. */
export const modelInfo = ({ config, caller, query }: Visit): LocalAnswer => {
  const wanted = query.litellm_model_id
  const found = config.deployments.filter(
    one => (caller?.mayUse(one.group) ?? false) && (wanted === undefined || one.id === wanted),
  )
  if (wanted !== undefined && found.length === 0)
    throw new Refusal(400, `Model id = ${wanted.slice(0, 100)} not found on this proxy.`, {
      type: 'invalid_request_error',
      param: 'litellm_model_id',
    })
  return json({ data: found.map(shown) })
}
