import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** One tool call that a prompt directs. */
export type DirectedCall = { readonly name: string; readonly args: JsonObject }

/** What counts of a conversation, in its order: something the user said, or the result of one call. */
export type Cue = { readonly said: string } | 'result'

const OPENING = /\[stage:call ([^\s\]]+) (?=\{)/g

/** The JSON ends at the first bracket of its line before which it is whole: it may hold brackets itself. */
const argsAt = (text: string, from: number): JsonObject | undefined => {
  const line = text.slice(from).split('\n', 1)[0] ?? ''
  for (let end = line.indexOf(']'); end >= 0; end = line.indexOf(']', end + 1)) {
    try {
      const value: Json = JSON.parse(line.slice(0, end))
      if (isObject(value)) return value
    } catch {
      // Not the end yet.
    }
  }
  return undefined
}

/** `[stage:call <tool name> <one line of JSON>]`, as many as the prompt has; one whose JSON is broken is none. */
export const callsIn = (prompt: string): readonly DirectedCall[] =>
  [...prompt.matchAll(OPENING)].flatMap(({ 0: opening, 1: name = '', index }) => {
    const args = argsAt(prompt, index + opening.length)
    return args === undefined ? [] : [{ name, args }]
  })

/** What agents put into the user's mouth, marked as theirs. */
const REMARK = /<([A-Za-z][\w-]*)>[\s\S]*?<\/\1>/g

/** The user's own newest words: a remark of the agent's beside a result is not a new task. */
export const newestWish = (cues: readonly Cue[]): { readonly prompt: string; readonly results: number } => {
  const at = cues.findLastIndex(cue => cue !== 'result' && cue.said.replace(REMARK, '').trim() !== '')
  const cue = cues[at]
  return {
    prompt: cue === undefined || cue === 'result' ? '' : cue.said,
    results: cues.slice(at + 1).filter(one => one === 'result').length,
  }
}

/**
 * The call that is due: the n-th answer after the user's text makes the n-th call. Counted by the results in the history,
 * so that another provider goes on where the first one stopped. A tool that the request does not declare is not called.
 */
export const dueCall = (cues: readonly Cue[], declared: readonly Json[]): DirectedCall | undefined => {
  const { prompt, results } = newestWish(cues)
  const call = callsIn(prompt)[results]
  return call !== undefined && declared.includes(call.name) ? call : undefined
}
