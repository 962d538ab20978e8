import type { Fault } from '../../src/stage/faults.ts'
import { AWS_KEYS } from '../../src/stage/open-scene.ts'
import type { Hit } from '../../src/stage/recorder.ts'
import type { AwsKeys, Scripted } from '../../src/stage/scene.ts'
import { startStage } from '../../src/stage/stage.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'

/** Bedrock's stage as its own tests speak of it: by exceptions, and with words put into the model's mouth. */

export type BedrockStageOptions = Partial<AwsKeys> & {
  /** Accepted as `Authorization: Bearer …` instead of a signature. */
  readonly bearerToken?: string
  /** Model ids that exist. Default: any. */
  readonly models?: readonly string[]
  readonly now?: () => Date
}

/** One scripted turn; what is scripted later takes the place of what is left. */
export type BedrockFault =
  | { readonly kind: 'answer'; readonly answer: Scripted }
  /** An error status; `type` is the exception's name. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly type: string
      readonly message: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** An exception inside the stream, after so many content frames. */
  | { readonly kind: 'exception'; readonly type: string; readonly message: string; readonly after: number }
  /** The connection breaks; the stream ends early, as if it were whole; one bit of a frame is wrong. */
  | { readonly kind: 'cut' | 'short' | 'corrupt'; readonly after: number }

export type BedrockRequest = Pick<Hit, 'method' | 'target' | 'headers' | 'body'> & {
  /** The model id of the path, decoded. */
  readonly model: string
  /** undefined when the body is no JSON. */
  readonly json: Json | undefined
  /** The exception this request was answered with, when it was refused or scripted to fail. */
  readonly refused: string | undefined
}

export type BedrockStage = {
  readonly url: string
  readonly requests: readonly BedrockRequest[]
  /** `times`: how many requests meet it; default one. */
  readonly script: (fault: BedrockFault, times?: number) => void
  readonly close: () => Promise<void>
}

const faultOf = (fault: BedrockFault): Fault => {
  switch (fault.kind) {
    case 'answer':
      return fault
    case 'status': {
      const { status, type, message } = fault
      return {
        kind: 'status',
        status,
        headers: { 'x-amzn-errortype': type, ...fault.headers },
        body: { message },
      }
    }
    case 'exception':
      return {
        kind: 'error-event',
        error: { type: fault.type, message: fault.message },
        afterContent: fault.after,
      }
    case 'corrupt':
      return { kind: 'malformed-event', afterContent: fault.after }
    default:
      return {
        kind: 'cut',
        how: fault.kind === 'cut' ? 'rst' : 'clean-chunk-end',
        afterContent: fault.after,
      }
  }
}

const jsonIn = (hit: Hit): Json | undefined => {
  try {
    return hit.json
  } catch {
    return undefined
  }
}

const exceptionOf = ({ refusal, fault }: Hit): string | undefined => {
  if (refusal !== undefined) return String(refusal.error.type)
  return fault.kind === 'status' ? fault.headers?.['x-amzn-errortype'] : undefined
}

const requestOf = (hit: Hit): BedrockRequest => ({
  method: hit.method,
  target: hit.target,
  headers: hit.headers,
  body: hit.body,
  model: decodeURIComponent(/^\/model\/([^/?]+)\//.exec(hit.target)?.[1] ?? ''),
  json: jsonIn(hit),
  refused: exceptionOf(hit),
})

/** Starts a stage on loopback. Without options it takes the access key AKIASTAGE / stage-secret in us-east-1. */
export const startBedrockStage = async (options: BedrockStageOptions = {}): Promise<BedrockStage> => {
  const { bearerToken, models = ['*'], now, ...aws } = options
  const stage = await startStage({
    flavour: 'bedrock',
    models,
    aws,
    ...(bearerToken === undefined ? {} : { key: bearerToken }),
    ...(now === undefined ? {} : { now }),
  })
  return {
    url: stage.origin,
    get requests() {
      return stage.requests.map(requestOf)
    },
    script: (fault, times = 1) => stage.script(Array.from({ length: times }, () => faultOf(fault))),
    close: stage.close,
  }
}

/** Writes model_list entries for groups on this stage, with the keys that it takes unless it was told others. */
export const deploymentsOn =
  ({ url }: Pick<BedrockStage, 'url'>) =>
  (group: string, model: string, more: JsonObject = {}): JsonObject => ({
    model_name: group,
    litellm_params: {
      model: `bedrock/${model}`,
      aws_bedrock_runtime_endpoint: url,
      aws_region_name: AWS_KEYS.region,
      aws_access_key_id: AWS_KEYS.accessKeyId,
      aws_secret_access_key: AWS_KEYS.secretAccessKey,
      ...more,
    },
  })
