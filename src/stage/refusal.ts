import type { JsonObject } from '../wire/json.ts'
import type { Flavour } from './flavour.ts'

/** A provider's own error answer, thrown by whatever finds the request wrong and answered once. */
export class StageRefusal extends Error {
  readonly status: number
  readonly error: JsonObject
  constructor(status: number, error: JsonObject) {
    super(typeof error.message === 'string' ? error.message : 'refused')
    this.status = status
    this.error = error
  }
}

type Detail = { readonly param?: string | null; readonly code?: string | null; readonly type?: string }

/** The OpenAI envelope: all four keys, param and code null when there is nothing to say. */
export const refuse = (status: number, message: string, detail: Detail = {}): StageRefusal =>
  new StageRefusal(status, {
    message,
    type: detail.type ?? 'invalid_request_error',
    param: detail.param ?? null,
    code: detail.code ?? null,
  })

export const unknownParameter = (param: string): StageRefusal =>
  refuse(400, `Unknown parameter: '${param}'.`, { param, code: 'unknown_parameter' })

export const missingParameter = (param: string): StageRefusal =>
  refuse(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' })

export const invalidType = (param: string, wanted: string, got: string): StageRefusal =>
  refuse(400, `Invalid type for '${param}': expected ${wanted}, but got ${got} instead.`, {
    param,
    code: 'invalid_type',
  })

export const invalidValue = (param: string, message: string): StageRefusal =>
  refuse(400, message, { param, code: 'invalid_value' })

export const missingKey = (flavour: Flavour): StageRefusal =>
  flavour === 'azure'
    ? azureKey()
    : refuse(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
      )

/** Providers echo a masked key: first and last characters, never the whole. */
export const wrongKey = (flavour: Flavour, given: string): StageRefusal => {
  if (flavour === 'azure') return azureKey()
  const masked = given.length > 12 ? `${given.slice(0, 4)}${'*'.repeat(8)}${given.slice(-4)}` : '*'.repeat(8)
  return refuse(
    401,
    `Incorrect API key provided: ${masked}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    { code: 'invalid_api_key' },
  )
}

const azureKey = (): StageRefusal =>
  new StageRefusal(401, {
    code: '401',
    message:
      'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
  })

export const noSuchPath = (flavour: Flavour, method: string, path: string): StageRefusal =>
  flavour === 'azure'
    ? new StageRefusal(404, { code: '404', message: 'Resource not found' })
    : refuse(404, `Invalid URL (${method} ${path})`)

export const noSuchModel = (flavour: Flavour, model: string): StageRefusal =>
  flavour === 'azure'
    ? refuse(
        404,
        'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
        { code: 'DeploymentNotFound' },
      )
    : refuse(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
        code: 'model_not_found',
      })
