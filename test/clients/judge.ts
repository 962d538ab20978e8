import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import type { Agent, Desk } from './agents.ts'
import { GROUPS, type House } from './house.ts'
import type { Ran } from './programs.ts'
import { NOTE, type Row, type Turn } from './rows.ts'
import type { Tapped } from './tap.ts'

export type Verdict = {
  /** What is wrong; none: the row has passed. */
  readonly complaints: readonly string[]
  /** Requests at the primary, and at the other provider. */
  readonly asked: readonly [primary: number, other: number]
  readonly said: string
  /** What the agent sent, in its order. */
  readonly sent: readonly Tapped[]
}

const promptOf = (agent: Agent, { calls = [], more = '', says }: Turn): string => {
  const [tool, argument] = agent.shell
  const directed = calls.map(line => `[stage:call ${tool} ${JSON.stringify({ [argument]: line })}]`)
  return ['Do it.', ...directed, more, says === '' ? '' : `[stage:say ${says}]`].filter(Boolean).join(' ')
}

const judgeTurn = (turn: Turn, ran: Ran): readonly string[] => [
  ...(ran.code === 0 ? [] : [`ended with ${ran.code ?? 'its time over'}`]),
  ...(ran.said.includes(turn.says) ? [] : [`never said '${turn.says}'`]),
]

const judgeFile = async (row: Row, desk: Desk): Promise<readonly string[]> => {
  if (!row.turns.some(turn => turn.calls !== undefined)) return []
  const text = await readFile(join(desk.work, 'copy.txt'), 'utf8').catch(() => undefined)
  return text === NOTE ? [] : [`the file holds ${text === undefined ? 'nothing' : JSON.stringify(text)}`]
}

const itemsOf = ({ body }: Tapped): readonly JsonObject[] => {
  const { input } = JSON.parse(body) as JsonObject
  return Array.isArray(input) ? input.filter(isObject) : []
}

/** It was asked for once, and from then on one item stands for the history. */
const judgeCompaction = (row: Row, sent: readonly Tapped[]): readonly string[] => {
  const posts = sent.filter(({ method }) => method === 'POST').map(itemsOf)
  const at = posts.findIndex(items => items.at(-1)?.type === 'compaction_trigger')
  if (at < 0) return ['no compaction was asked for']
  return posts.slice(at + 1).flatMap(items => {
    const held = items.filter(({ type }) => type === 'compaction')
    const capsules = held.filter(one => String(one.encrypted_content).startsWith('gwc1.'))
    if (held.length !== 1) return [`${held.length} compaction items went on`]
    return (capsules.length === 1) === row.crosses ? [] : ['the item is not of whom it should be']
  })
}

/** Plays one row and judges what the agent left behind, what it said and what the stages heard. */
export const playRow = async (agent: Agent, row: Row, house: House, desk: Desk): Promise<Verdict> => {
  const own = row.foreign ? (agent.own === 'openai' ? 'anthropic' : 'openai') : agent.own
  const primary = house[own]
  const other = house[own === 'openai' ? 'anthropic' : 'openai']
  await primary.prepare(row.faults ?? [])
  await other.prepare([])
  house.tap.clear()
  const complaints: string[] = []
  let said = ''
  for (const [index, turn] of row.turns.entries()) {
    const ran = await agent.turn({ ...desk, group: GROUPS[own] }, promptOf(agent, turn), index > 0)
    said += ran.said
    complaints.push(...judgeTurn(turn, ran).map(one => `turn ${index + 1} ${one}`))
  }
  complaints.push(...(await judgeFile(row, desk)))
  const [mine, theirs] = await Promise.all([primary.heard(), other.heard()])
  for (const { target, refused, fault } of [...mine, ...theirs])
    if (refused !== null && fault === 'ok') complaints.push(`${target} refused: ${JSON.stringify(refused)}`)
  if (theirs.length > 0 !== row.crosses)
    complaints.push(`the other provider was asked ${theirs.length} times`)
  if (row.returns && mine.at(-1)?.fault !== 'ok') complaints.push('the primary did not serve the end')
  const played = mine.filter(({ fault }) => fault !== 'ok').length
  const wanted = (row.faults ?? []).filter(({ kind }) => kind !== 'ok').length
  if (played === 0 && wanted > 0) complaints.push('the fault was never played')
  const sent = house.tap.requests()
  if (row.compactAt !== undefined) complaints.push(...judgeCompaction(row, sent))
  return { complaints, asked: [mine.length, theirs.length], said, sent }
}
