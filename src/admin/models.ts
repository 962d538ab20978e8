import type { Config, Deployment } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import type { Json } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'

/** LiteLLM's constant: every model was created at this moment. */
const CREATED = 1677610602

/** Names a caller may use, in file order: groups, then aliases that are not hidden. Wildcards stand as written. */
const namesFor = (config: Config, mayUse: (group: string) => boolean): readonly string[] => {
  const names = new Set<string>()
  for (const deployment of config.deployments) if (mayUse(deployment.group)) names.add(deployment.group)
  for (const [alias, target] of config.aliases) if (!target.hidden && mayUse(target.group)) names.add(alias)
  return [...names]
}

const card = (id: string): Json => ({ id, object: 'model', created: CREATED, owned_by: 'openai' })

export const modelList = ({ config, caller }: Visit): LocalAnswer =>
  json({ data: namesFor(config, caller?.mayUse ?? (() => false)).map(card), object: 'list' })

export const modelCard = ({ config, caller, params }: Visit): LocalAnswer => {
  const id = params['*'] ?? ''
  if (!namesFor(config, caller?.mayUse ?? (() => false)).includes(id))
    throw new Refusal(
      404,
      `The model '${id.slice(0, 200)}' does not exist. Call \`/v1/models\` to view available models for your key.`,
      {
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    )
  return json(card(id))
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
