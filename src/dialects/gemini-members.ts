import type { JsonObject } from '../wire/json.ts'
import { camelOf } from './gemini-words.ts'
import type { Losses } from './losses.ts'

/** Which members of a generateContent request are read, by where they stand; every other one is told by its name. */
const READ = {
  'contents[]': ['role', 'parts'],
  'contents[].parts[]': [
    'text',
    'thought',
    'thoughtSignature',
    'inlineData',
    'fileData',
    'functionCall',
    'functionResponse',
    'executableCode',
    'codeExecutionResult',
    'toolCall',
    'toolResponse',
  ],
  'contents[].parts[].functionCall': ['id', 'name', 'args'],
  'contents[].parts[].functionResponse': ['id', 'name', 'response', 'parts'],
  'tools[].functionDeclarations[]': ['name', 'description', 'parameters', 'parametersJsonSchema'],
  toolConfig: ['functionCallingConfig'],
  'toolConfig.functionCallingConfig': ['mode', 'allowedFunctionNames'],
  'generationConfig.thinkingConfig': ['includeThoughts', 'thinkingBudget', 'thinkingLevel'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type Place = keyof typeof READ

const known: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(READ).map(([place, members]) => [place, new Set(members)]),
)

/** No answer of another dialect depends on them. What is off, as it is without being said, is not told. */
export const tellMembers = (object: JsonObject, place: Place, losses: Losses): void => {
  const read = known.get(place)
  for (const [written, value] of Object.entries(object)) {
    const name = camelOf(written)
    if (value !== null && value !== false && read?.has(name) !== true)
      losses.warn(`${place}.${name}`, 'no other dialect has it')
  }
}
