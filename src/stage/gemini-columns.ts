import type { Message } from './gemini-shape.ts'

/** The published messages of generateContent, v1beta. Source: the API's discovery document and its client libraries. */

const BLOB: Message = { mimeType: 'string', data: 'string', displayName: 'string' }
const FILE: Message = { mimeType: 'string', fileUri: 'string', displayName: 'string' }

/** Vertex AI publishes no ids here. */
const call = (ids: boolean): Message => ({
  name: 'string',
  args: 'any',
  ...(ids ? { id: 'string' as const } : {}),
})

const response = (ids: boolean): Message => ({
  name: 'string',
  response: 'any',
  parts: { list: { of: () => ({ inlineData: { of: () => BLOB }, fileData: { of: () => FILE } }) } },
  scheduling: 'string',
  willContinue: 'boolean',
  ...(ids ? { id: 'string' as const } : {}),
})

const part = (ids: boolean): Message => ({
  text: 'string',
  thought: 'boolean',
  thoughtSignature: 'string',
  inlineData: { of: () => BLOB },
  fileData: { of: () => FILE },
  functionCall: { of: () => call(ids) },
  functionResponse: { of: () => response(ids) },
  executableCode: { of: () => ({ language: 'string', code: 'string', id: 'string' }) },
  codeExecutionResult: { of: () => ({ outcome: 'string', output: 'string', id: 'string' }) },
  videoMetadata: 'any',
  mediaResolution: 'any',
  toolCall: 'any',
  toolResponse: 'any',
  partMetadata: 'any',
})

const content = (ids: boolean): Message => ({
  role: 'string',
  parts: { list: { of: () => part(ids) } },
})

/** The API's own Schema: a subset of OpenAPI 3.0, in which JSON schema's further words are unknown names. */
const SCHEMA: Message = {
  type: 'string',
  format: 'string',
  title: 'string',
  description: 'string',
  nullable: 'boolean',
  enum: { list: 'string' },
  default: 'any',
  example: 'any',
  items: { of: () => SCHEMA },
  anyOf: { list: { of: () => SCHEMA } },
  properties: { map: { of: () => SCHEMA } },
  required: { list: 'string' },
  propertyOrdering: { list: 'string' },
  minItems: 'integer',
  maxItems: 'integer',
  minLength: 'integer',
  maxLength: 'integer',
  minProperties: 'integer',
  maxProperties: 'integer',
  minimum: 'number',
  maximum: 'number',
  pattern: 'string',
}

const DECLARATION: Message = {
  name: 'string',
  description: 'string',
  behavior: 'string',
  parameters: { of: () => SCHEMA },
  parametersJsonSchema: 'any',
  response: { of: () => SCHEMA },
  responseJsonSchema: 'any',
}

const TOOL: Message = {
  functionDeclarations: { list: { of: () => DECLARATION } },
  googleSearch: 'any',
  googleSearchRetrieval: 'any',
  codeExecution: 'any',
  urlContext: 'any',
  computerUse: 'any',
  googleMaps: 'any',
  fileSearch: 'any',
}

const TOOL_CONFIG: Message = {
  functionCallingConfig: { of: () => ({ mode: 'string', allowedFunctionNames: { list: 'string' } }) },
  retrievalConfig: 'any',
  includeServerSideToolInvocations: 'boolean',
}

const GENERATION_CONFIG: Message = {
  candidateCount: 'integer',
  stopSequences: { list: 'string' },
  maxOutputTokens: 'integer',
  temperature: 'number',
  topP: 'number',
  topK: 'number',
  seed: 'integer',
  presencePenalty: 'number',
  frequencyPenalty: 'number',
  responseLogprobs: 'boolean',
  logprobs: 'integer',
  responseMimeType: 'string',
  responseSchema: { of: () => SCHEMA },
  responseJsonSchema: 'any',
  responseModalities: { list: 'string' },
  speechConfig: 'any',
  mediaResolution: 'string',
  imageConfig: 'any',
  enableEnhancedCivicAnswers: 'boolean',
  thinkingConfig: {
    of: () => ({ includeThoughts: 'boolean', thinkingBudget: 'integer', thinkingLevel: 'string' }),
  },
}

/** `ids`: AI Studio's API has ids of calls, Vertex AI's has none. */
export const generateMessage = (ids: boolean): Message => ({
  model: 'string',
  contents: { list: { of: () => content(ids) } },
  systemInstruction: { of: () => content(ids) },
  tools: { list: { of: () => TOOL } },
  toolConfig: { of: () => TOOL_CONFIG },
  safetySettings: { list: { of: () => ({ category: 'string', threshold: 'string', method: 'string' }) } },
  generationConfig: { of: () => GENERATION_CONFIG },
  cachedContent: 'string',
  labels: { map: 'string' },
  serviceTier: 'string',
})

export const countMessage = (ids: boolean): Message => ({
  contents: { list: { of: () => content(ids) } },
  generateContentRequest: { of: () => generateMessage(ids) },
  // Vertex AI takes them beside the contents.
  ...(ids
    ? {}
    : {
        systemInstruction: { of: () => content(false) },
        tools: { list: { of: () => TOOL } },
        generationConfig: { of: () => GENERATION_CONFIG },
      }),
})
