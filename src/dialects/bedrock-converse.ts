/** chat.completions in and out of Amazon Bedrock's Converse API. Pure: no I/O, no clock. */
export { type AnswerOptions, toChatCompletion } from './bedrock-converse-answer.ts'
export { converseErrorOf } from './bedrock-converse-error.ts'
export { type ConverseOptions, type ConverseTranslation, toConverse } from './bedrock-converse-request.ts'
export { converseStreamDecoder, type StreamOptions } from './bedrock-converse-stream.ts'
