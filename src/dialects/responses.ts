import type { Door, Upstream } from './neutral.ts'
import { readResponse, writeResponse } from './responses-answer.ts'
import { responsesDecoder } from './responses-decoder.ts'
import { readResponsesRequest } from './responses-request.ts'
import { responsesWriter } from './responses-stream.ts'
import { writeResponsesRequest } from './responses-write.ts'
import { USUAL_NAMES } from './tool-names.ts'

/** The Responses API between dialects. Within it, the client's bytes go as they are. */

export const responsesDoor: Door = {
  dialect: 'responses',
  read: readResponsesRequest,
  answer: writeResponse,
  writer: responsesWriter,
}

export const responsesUpstream: Upstream = {
  dialect: 'responses',
  write: writeResponsesRequest,
  answer: readResponse,
  decoder: responsesDecoder,
  toolNames: USUAL_NAMES,
}
