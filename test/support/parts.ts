import { CAST } from '../../src/stage/cast.ts'
import type { Flavour } from '../../src/stage/flavour.ts'
import type { Stage } from '../../src/stage/stage.ts'
import type { JsonObject } from '../../src/wire/json.ts'

/** Deployments of any flavour, as a user of `understudy stage` writes them down. */

export type Part = {
  readonly flavour: Flavour
  readonly model: string
  /** What the deployment says beside model, address and key. */
  readonly params?: JsonObject
  /** Where its API begins at the stage's origin, when that is not where its row says. */
  readonly path?: string
}

/** Signed requests: there is no key beside these. */
export const AWS: JsonObject = {
  aws_region_name: 'us-east-1',
  aws_access_key_id: 'AKIASTAGE',
  aws_secret_access_key: 'stage-secret',
}

/** One model_list entry: the group served by this stage, which plays the part. */
export const deploymentOf = (
  group: string,
  { flavour, model, params, path }: Part,
  stage: Stage,
): JsonObject => {
  const { settings = {}, open } = CAST[flavour]
  return {
    model_name: group,
    litellm_params: {
      model: `${flavour}/${model}`,
      api_base: path === undefined ? stage.baseUrl : stage.origin + path,
      ...(open === true || params === AWS ? {} : { api_key: stage.key }),
      ...params,
      ...settings,
    },
  }
}
