import type { JsonObject } from '../../src/wire/json.ts'

/** Bedrock’s exceptions by their statuses, as the description of its API has them. */
const EXCEPTIONS: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ['ValidationException', 'The request is invalid.'],
  401: ['UnrecognizedClientException', 'The security token included in the request is invalid.'],
  403: [
    'AccessDeniedException',
    'User: arn:aws:iam::1:user/matrix is not authorized to perform: bedrock:InvokeModel',
  ],
  404: ['ResourceNotFoundException', 'Could not resolve the foundation model from the model identifier.'],
  408: ['ModelTimeoutException', 'The request took too long to process.'],
  413: ['RequestEntityTooLargeException', 'The request is too large.'],
  429: ['ThrottlingException', 'Too many requests, please wait before trying again.'],
  500: ['InternalServerException', 'The system encountered an unexpected error during processing.'],
  503: ['ServiceUnavailableException', 'Bedrock is unable to process your request.'],
  529: ['ServiceUnavailableException', 'Too many connections, please wait before trying again.'],
}

/** The exception’s name, as the header `x-amzn-errortype` and events of a stream have it. */
export const bedrockException = (status: number): string =>
  EXCEPTIONS[status]?.[0] ?? 'InternalServerException'

export const bedrockErrorBody = (status: number): JsonObject => ({
  message: EXCEPTIONS[status]?.[1] ?? `The service answered ${status}.`,
})
