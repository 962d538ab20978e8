import { readConverse } from './bedrock-converse-answer.ts'
import { converseErrorOf } from './bedrock-converse-error.ts'
import { traitsOf } from './bedrock-converse-models.ts'
import { writeConverse } from './bedrock-converse-request.ts'
import { converseDecoder } from './bedrock-converse-stream.ts'
import type { Upstream } from './neutral.ts'
import { USUAL_NAMES } from './tool-names.ts'

export const CONVERSE_STREAM = 'application/vnd.amazon.eventstream'

/** Amazon Bedrock's Converse API, as one of its models speaks it: the model decides who can read its reasoning again. */
export const converseUpstream = (model: string): Upstream => {
  const { issuer } = traitsOf(model)
  return {
    dialect: 'converse',
    write: writeConverse,
    answer: body => readConverse(body, issuer),
    decoder: () => converseDecoder(issuer),
    streamType: CONVERSE_STREAM,
    errorOf: converseErrorOf,
    toolNames: USUAL_NAMES,
  }
}
