import { textOf } from '../../src/stage/lines.ts'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import type { Agent } from './agents.ts'
import type { Row } from './rows.ts'
import type { Tapped } from './tap.ts'

const bodyOf = ({ body }: Tapped): JsonObject => JSON.parse(body) as JsonObject

const listIn = (body: JsonObject, key: string): readonly JsonObject[] => {
  const list = body[key]
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** From the compaction on, one item stands for the history: the provider's own, or the gateway's. */
const judgeItem = (body: JsonObject, capsule: boolean): readonly string[] => {
  const held = listIn(body, 'input').filter(({ type }) => type === 'compaction')
  const capsules = held.filter(one => String(one.encrypted_content).startsWith('gwc1.'))
  if (held.length !== 1) return [`${held.length} compaction items went on`]
  return (capsules.length === 1) === capsule ? [] : ['the item is not of whom it should be']
}

/** What Claude Code asks for as a last message, and what it begins with afterwards. */
const SUMMARISE = /create a detailed summary of the conversation/
const CONTINUED = /being continued from a previous conversation/

const judgeSummary = (body: JsonObject): readonly string[] => {
  const [first] = listIn(body, 'messages')
  return CONTINUED.test(textOf(first)) ? [] : ['the history went on as it was']
}

const asksFor = (agent: Agent, body: JsonObject): boolean =>
  agent.own === 'openai'
    ? listIn(body, 'input').at(-1)?.type === 'compaction_trigger'
    : SUMMARISE.test(textOf(listIn(body, 'messages').at(-1)))

/** It was asked for, and nothing but what came of it goes on. */
export const judgeCompaction = (agent: Agent, row: Row, sent: readonly Tapped[]): readonly string[] => {
  const bodies = sent.filter(({ method }) => method === 'POST').map(bodyOf)
  const at = bodies.findLastIndex(body => asksFor(agent, body))
  if (at < 0) return ['no compaction was asked for']
  const after = bodies.slice(at + 1)
  if (after.length === 0) return ['nothing went on after the compaction']
  const capsule = row.compactedElsewhere === true || row.foreign === true
  return after.flatMap(body => (agent.own === 'openai' ? judgeItem(body, capsule) : judgeSummary(body)))
}
