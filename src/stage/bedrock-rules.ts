import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { checkMessages } from './bedrock-messages.ts'
import { breach, listAt, objectAt, onlyKeys, spokenText, textAt, unionAt } from './bedrock-shape.ts'

/** What Converse accepts, by its published shape. The first breach is thrown as a Breach. */

const TOP = [
  'messages',
  'system',
  'inferenceConfig',
  'toolConfig',
  'guardrailConfig',
  'additionalModelRequestFields',
  'additionalModelResponseFieldPaths',
  'promptVariables',
  'requestMetadata',
  'performanceConfig',
  'serviceTier',
  'outputConfig',
]

const numberIn = (value: Json | undefined, path: string, [low, high]: readonly [number, number]): void => {
  if (value === undefined) return
  if (typeof value !== 'number' || value < low || value > high) {
    breach(
      `Value '${JSON.stringify(value)}' at '${path}' failed to satisfy constraint: between ${low} and ${high}`,
    )
  }
}

const checkInference = (value: Json): void => {
  const config = objectAt(value, 'inferenceConfig')
  onlyKeys(config, ['maxTokens', 'temperature', 'topP', 'stopSequences'], 'inferenceConfig')
  numberIn(config.maxTokens, 'inferenceConfig.maxTokens', [1, 2 ** 31])
  if (config.maxTokens !== undefined && !Number.isInteger(config.maxTokens))
    breach('inferenceConfig.maxTokens is not an integer.')
  numberIn(config.temperature, 'inferenceConfig.temperature', [0, 1])
  numberIn(config.topP, 'inferenceConfig.topP', [0, 1])
  const stops =
    config.stopSequences === undefined ? [] : listAt(config.stopSequences, 'inferenceConfig.stopSequences')
  for (const stop of stops)
    if (textAt(stop, 'inferenceConfig.stopSequences') === '') breach('A stop sequence is empty.')
}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/

const checkSpec = (value: Json | undefined, path: string): string => {
  const spec = objectAt(value, path)
  onlyKeys(spec, ['name', 'description', 'inputSchema', 'strict'], path)
  if (spec.strict !== undefined && typeof spec.strict !== 'boolean')
    breach(`${path}.strict is not a boolean.`)
  const name = textAt(spec.name, `${path}.name`)
  if (!NAME.test(name))
    breach(`Value '${name}' at '${path}.name' failed to satisfy constraint: ${NAME.source}`)
  if (spec.description !== undefined && textAt(spec.description, `${path}.description`) === '') {
    breach(`Value at '${path}.description' failed to satisfy constraint: minimum length 1`)
  }
  const schema = objectAt(spec.inputSchema, `${path}.inputSchema`)
  onlyKeys(schema, ['json'], `${path}.inputSchema`)
  if (objectAt(schema.json, `${path}.inputSchema.json`).type !== 'object') {
    breach(`The value at ${path}.inputSchema.json.type must be one of the following: object.`)
  }
  return name
}

const checkTools = (value: Json): void => {
  const config = objectAt(value, 'toolConfig')
  onlyKeys(config, ['tools', 'toolChoice'], 'toolConfig')
  const tools = listAt(config.tools, 'toolConfig.tools')
  if (tools.length === 0) breach('toolConfig.tools must have at least one member.')
  const names = tools.flatMap((tool, index) => {
    const path = `toolConfig.tools.${index}`
    const kind = unionAt(tool, ['toolSpec', 'cachePoint', 'systemTool'], path)
    return kind === 'toolSpec' && isObject(tool) ? [checkSpec(tool.toolSpec, `${path}.toolSpec`)] : []
  })
  if (new Set(names).size !== names.length) breach('Tool names must be unique.')
  if (config.toolChoice === undefined) return
  const choice = unionAt(config.toolChoice, ['auto', 'any', 'tool'], 'toolConfig.toolChoice')
  const chosen = objectAt(
    objectAt(config.toolChoice, 'toolConfig.toolChoice')[choice],
    `toolConfig.toolChoice.${choice}`,
  )
  if (choice === 'tool' && !names.includes(textAt(chosen.name, 'toolConfig.toolChoice.tool.name'))) {
    breach('toolConfig.toolChoice names a tool that is not declared.')
  }
}

const checkSystem = (value: Json): void => {
  listAt(value, 'system').forEach((block, index) => {
    const path = `system.${index}`
    const kind = unionAt(block, ['text', 'guardContent', 'cachePoint'], path)
    if (kind === 'text' && isObject(block)) spokenText(block.text, path)
  })
}

const checkMetadata = (value: Json): void => {
  const entries = Object.entries(objectAt(value, 'requestMetadata'))
  if (entries.length > 16) breach('requestMetadata has more than 16 members.')
  for (const [key, text] of entries) textAt(text, `requestMetadata.${key}`)
}

const checkTier = (value: Json): void => {
  const tier = objectAt(value, 'serviceTier')
  onlyKeys(tier, ['type'], 'serviceTier')
  if (!['default', 'priority', 'flex', 'reserved'].includes(textAt(tier.type, 'serviceTier.type'))) {
    breach('serviceTier.type is unknown.')
  }
}

/** The schema comes as text. Its objects have to say that they hold nothing else. */
const checkOutput = (value: Json): void => {
  const config = objectAt(value, 'outputConfig')
  onlyKeys(config, ['textFormat'], 'outputConfig')
  const format = objectAt(config.textFormat, 'outputConfig.textFormat')
  onlyKeys(format, ['type', 'structure'], 'outputConfig.textFormat')
  if (format.type !== 'json_schema') breach('outputConfig.textFormat.type must be json_schema.')
  const path = 'outputConfig.textFormat.structure'
  unionAt(format.structure, ['jsonSchema'], path)
  const definition = objectAt(objectAt(format.structure, path).jsonSchema, `${path}.jsonSchema`)
  onlyKeys(definition, ['schema', 'name', 'description'], `${path}.jsonSchema`)
  checkSchemaText(textAt(definition.schema, `${path}.jsonSchema.schema`))
}

const checkSchemaText = (text: string): void => {
  let schema: Json
  try {
    schema = JSON.parse(text) as Json
  } catch {
    return breach('The JSON schema is not valid JSON.')
  }
  checkClosed(schema)
}

const checkClosed = (schema: Json): void => {
  if (Array.isArray(schema)) return schema.forEach(checkClosed)
  if (!isObject(schema)) return
  if (schema.type === 'object' && schema.additionalProperties !== false)
    breach("For 'object' type, 'additionalProperties' must be explicitly set to false.")
  Object.values(schema).forEach(checkClosed)
}

const CHECKS: Readonly<Record<string, (value: Json) => void>> = {
  system: checkSystem,
  inferenceConfig: checkInference,
  toolConfig: checkTools,
  requestMetadata: checkMetadata,
  serviceTier: checkTier,
  outputConfig: checkOutput,
}

const NOVA_SCHEMA = ['type', 'properties', 'required']

/** What Nova takes of a tool's schema is less than others do. */
const checkNova = ({ toolConfig }: JsonObject): void => {
  const tools: readonly Json[] =
    isObject(toolConfig) && Array.isArray(toolConfig.tools) ? toolConfig.tools : []
  tools.forEach((tool, index) => {
    const spec = isObject(tool) ? tool.toolSpec : undefined
    const schema = isObject(spec) && isObject(spec.inputSchema) ? spec.inputSchema.json : undefined
    const key = Object.keys(isObject(schema) ? schema : {}).find(one => !NOVA_SCHEMA.includes(one))
    if (key !== undefined)
      breach(
        `The model returned the following errors: Malformed input request: #/toolConfig/tools/${index}/toolSpec/inputSchema/json: extraneous key [${key}] is not permitted, please reformat your input and try again.`,
      )
  })
}

/** Throws Breach at the first thing that Converse would not take. */
export const checkConverse = (value: Json, model = ''): JsonObject => {
  const request = objectAt(value, 'body')
  onlyKeys(request, TOP, '')
  for (const [key, check] of Object.entries(CHECKS)) {
    const member = request[key]
    if (member !== undefined) check(member)
  }
  checkMessages(request)
  if (model.includes('amazon.nova')) checkNova(request)
  return request
}
