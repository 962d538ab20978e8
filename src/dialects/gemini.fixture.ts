import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { asFunction } from './custom-tools.ts'
import { collectLosses } from './losses.ts'
import { request } from './neutral.fixture.ts'
import type { Asked, NeutralRequest, Part, Target, Turn } from './neutral.ts'

export const FLASH: Target = { model: 'gemini-2.5-flash', allowedParams: [] }
export const THIRD: Target = { model: 'gemini-3-flash', allowedParams: [] }

/** A client that wants to see everything. */
export const asking = (more: Partial<Asked> = {}): Asked => ({
  body: {},
  request: request([], { thoughts: 'shown' }),
  model: 'group',
  unique: 'u1',
  created: 1_700_000_000,
  ...more,
})

/** The names of what was lost and warned of, beside the value. */
export const watched = <Value>(
  run: (losses: ReturnType<typeof collectLosses>) => Value,
): { readonly value: Value; readonly lost: readonly string[]; readonly warned: readonly string[] } => {
  const losses = collectLosses()
  const value = run(losses)
  const { lost, warnings } = losses.found()
  return { value, lost, warned: warnings.map(warning => warning.lost) }
}

const objectIn = (text: string): Json | undefined => {
  try {
    const value = JSON.parse(text === '' ? '{}' : text) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

type Renamed = (id: string) => string

/** What this dialect keeps of a part: no ids of its own, arguments and results as the objects they are. */
const kept = (part: Part, renamed: Renamed): Part => {
  if (part.kind === 'call') {
    const input = part.custom === true ? { input: part.input } : (objectIn(part.input) ?? undefined)
    return {
      kind: 'call',
      id: renamed(part.id),
      name: part.name,
      input: JSON.stringify(input ?? { raw_arguments: part.input }),
    }
  }
  if (part.kind !== 'result') return part
  const { custom: _custom, cache: _cache, ...result } = part
  return { ...result, id: renamed(part.id) }
}

/** Neighbours of one role are one turn, results first. */
export const joined = (turns: readonly Turn[]): readonly Turn[] => {
  const ids = new Map<string, string>()
  const renamed: Renamed = id => {
    const known = ids.get(id) ?? `call_${ids.size + 1}`
    ids.set(id, known)
    return known
  }
  const made: { role: Turn['role']; parts: Part[] }[] = []
  for (const turn of turns) {
    const parts = turn.parts.map(part => kept(part, renamed))
    const last = made.at(-1)
    if (last?.role === turn.role) last.parts.push(...parts)
    else made.push({ role: turn.role, parts })
  }
  return made.map(({ role, parts }) => ({
    role,
    parts: [...parts.filter(part => part.kind === 'result'), ...parts.filter(part => part.kind !== 'result')],
  }))
}

/** What this dialect keeps of a whole request. */
export const keptOf = (asked: NeutralRequest): NeutralRequest => {
  const { user: _user, toolChoice: _choice, format, tools, ...others } = asked
  const schema =
    format?.kind === 'schema' ? { kind: format.kind, name: 'response', schema: format.schema } : format
  return {
    ...others,
    turns: joined(asked.turns),
    tools: (tools ?? []).map(({ name, description, schema: own }) => ({
      name,
      ...(description === undefined ? {} : { description }),
      schema: own ?? asFunction({ name }).schema,
    })),
    ...(schema === undefined || schema.kind === 'text' ? {} : { format: schema }),
    stream: false,
    streamUsage: true,
  }
}

export const bytesOfEvents = (events: readonly { readonly bytes: Uint8Array }[]): Uint8Array =>
  Buffer.concat(events.map(event => event.bytes))

export const chunk = (value: JsonObject): Uint8Array => Buffer.from(`data: ${JSON.stringify(value)}\r\n\r\n`)
