import { createHash } from 'node:crypto'
import type {
  NeutralAnswer,
  NeutralDecoder,
  NeutralEvent,
  NeutralRequest,
  Part,
  ToolChoice,
  Upstream,
} from './neutral.ts'

/**
 * Names of tools for a dialect that takes fewer characters than the client's, or shorter names. A name that does not fit
 * travels under one that does, in the tools, in the choice among them and in the history, and comes back as the client wrote it.
 * Both ways are found in the request alone, so nothing has to be remembered between them.
 */

/** Names of tools that a dialect takes. */
export type NameRule = {
  /** A whole name. Each of its characters may stand behind any letter. */
  readonly accepts: RegExp
  /** Characters in all. */
  readonly length: number
}

type Rule = Pick<Upstream, 'toolNames'>

/** OpenAI's two APIs, Bedrock's Converse, and the servers that follow OpenAI. */
export const USUAL_NAMES: NameRule = { accepts: /^[a-zA-Z0-9_-]{1,64}$/, length: 64 }

/** What a call or a result without a known name is named is nobody's tool. */
const nameIn = (part: Part): readonly string[] =>
  (part.kind === 'call' || part.kind === 'result') && part.name !== '' ? [part.name] : []

const namesIn = ({ tools = [], turns }: NeutralRequest): ReadonlySet<string> =>
  new Set([...tools.map(({ name }) => name), ...turns.flatMap(({ parts }) => parts.flatMap(nameIn))])

const digestOf = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 8)

/** Every character that the rule does not take is '_', and one stands before a beginning that it does not take. */
const plain = (name: string, { accepts }: NameRule): string => {
  const taken = Array.from(name, letter => (accepts.test(`a${letter}`) ? letter : '_')).join('')
  return accepts.test(taken.slice(0, 1)) ? taken : `_${taken}`
}

const told = (name: string, digest: string, { length }: NameRule): string =>
  `${name.slice(0, length - digest.length - 1)}_${digest}`

/** The fitting name of each that does not fit; no two names become one. */
const fittingIn = (request: NeutralRequest, { toolNames: rule }: Rule): ReadonlyMap<string, string> => {
  const fitting = new Map<string, string>()
  if (rule === undefined) return fitting
  const names = namesIn(request)
  const taken = new Set(names)
  for (const name of names) {
    if (rule.accepts.test(name)) continue
    const made = plain(name, rule)
    const own = made.length > rule.length || taken.has(made) ? told(made, digestOf(name), rule) : made
    taken.add(own)
    fitting.set(name, own)
  }
  return fitting
}

const renamed = (part: Part, names: ReadonlyMap<string, string>): Part =>
  part.kind === 'call' || part.kind === 'result' ? { ...part, name: names.get(part.name) ?? part.name } : part

const renamedChoice = (choice: ToolChoice, names: ReadonlyMap<string, string>): ToolChoice => {
  if (choice.kind === 'tool') return { ...choice, name: names.get(choice.name) ?? choice.name }
  if (choice.kind !== 'allowed') return choice
  return { ...choice, names: choice.names.map(name => names.get(name) ?? name) }
}

/** The request with names that the upstream takes. */
export const withFittingNames = (request: NeutralRequest, rule: Rule): NeutralRequest => {
  const names = fittingIn(request, rule)
  if (names.size === 0) return request
  const { tools, toolChoice, turns } = request
  return {
    ...request,
    turns: turns.map(turn => ({ ...turn, parts: turn.parts.map(part => renamed(part, names)) })),
    ...(tools === undefined
      ? {}
      : { tools: tools.map(tool => ({ ...tool, name: names.get(tool.name) ?? tool.name })) }),
    ...(toolChoice === undefined ? {} : { toolChoice: renamedChoice(toolChoice, names) }),
  }
}

/** From the fitting names to the client's. */
const ownIn = (request: NeutralRequest, rule: Rule): ReadonlyMap<string, string> =>
  new Map([...fittingIn(request, rule)].map(([own, fitting]) => [fitting, own]))

/** An answer with the names of the client's own tools. */
export const withOwnNames = (answer: NeutralAnswer, request: NeutralRequest, rule: Rule): NeutralAnswer => {
  const names = ownIn(request, rule)
  return names.size === 0 ? answer : { ...answer, parts: answer.parts.map(part => renamed(part, names)) }
}

/** The same for a stream. */
export const decodingOwnNames = (
  decoder: NeutralDecoder,
  request: NeutralRequest,
  rule: Rule,
): NeutralDecoder => {
  const names = ownIn(request, rule)
  if (names.size === 0) return decoder
  const seen = (event: NeutralEvent): NeutralEvent =>
    event.kind === 'open' && event.of === 'call'
      ? { ...event, name: names.get(event.name) ?? event.name }
      : event
  return { ...decoder, push: chunk => decoder.push(chunk).map(seen), end: () => decoder.end().map(seen) }
}
