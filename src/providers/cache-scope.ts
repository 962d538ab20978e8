import { asBuffer } from '../wire/bytes.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import { mayMentionAny } from '../wire/mentions.ts'
import type { MessagesBody } from './messages-dialect.ts'

/** Where a block may say how long it is to be kept, and for whom. Only Anthropic's own service knows a `scope`. */
const SCOPES: readonly Edit[] = [
  ['cache_control'],
  ['system', '*', 'cache_control'],
  ['tools', '*', 'cache_control'],
  ['messages', '*', 'content', '*', 'cache_control'],
  ['messages', '*', 'content', '*', 'content', '*', 'cache_control'],
].map(path => ({ op: 'drop', path: [...path, 'scope'], why: 'foreign-key' }))

/** The body without it: other hosts of Claude refuse it, and coding agents write it. */
export const withoutScope = (made: MessagesBody): MessagesBody => {
  const whole = (part: Uint8Array) => ({ start: 0, end: part.length })
  if (!made.body.some(part => mayMentionAny(asBuffer(part), whole(part), ['scope']))) return made
  const idle: Edit[] = []
  const body = applyEdits(indexObject(joinSegments(made.body)), SCOPES, idle)
  return { ...made, body, edits: [...made.edits, ...SCOPES.filter(edit => !idle.includes(edit))] }
}
