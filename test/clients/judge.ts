import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Agent, Desk } from './agents.ts'
import { judgeCompaction } from './compactions.ts'
import { GROUPS, type House } from './house.ts'
import type { Ran } from './programs.ts'
import { type Asked, MANY, NOTE, type Row } from './rows.ts'
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

/** What a stage is directed to do, and its last words: many of them, where those make the agent compact. */
const promptOf = (agent: Agent, { calls = [], long, says }: Asked): string => {
  const [tool, argument] = agent.shell
  const directed = calls.map(line => `[stage:call ${tool} ${JSON.stringify({ [argument]: line })}]`)
  const swells = long === true && agent.compact === undefined
  return ['Do it.', ...directed, swells ? `[stage:words ${MANY}]` : `[stage:say ${says}]`].join(' ')
}

const judgeTurn = (turn: Asked, ran: Ran): readonly string[] => [
  ...(ran.code === 0 ? [] : [`ended with ${ran.code ?? 'its time over'}`]),
  ...(ran.said.includes(turn.long === true ? '' : turn.says) ? [] : [`never said '${turn.says}'`]),
]

/** A compaction has nothing to say. */
const hushed: Asked = { says: '' }

const judgeFile = async (row: Row, desk: Desk): Promise<readonly string[]> => {
  if (!row.turns.some(turn => turn !== 'compact' && turn.calls !== undefined)) return []
  const text = await readFile(join(desk.work, 'copy.txt'), 'utf8').catch(() => undefined)
  return text === NOTE ? [] : [`the file holds ${text === undefined ? 'nothing' : JSON.stringify(text)}`]
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
  const compacts = row.turns.includes('compact')
  for (const [index, turn] of row.turns.entries()) {
    const prompt = turn === 'compact' ? agent.compact : promptOf(agent, turn)
    if (prompt === undefined) continue
    const ran = await agent.turn({ ...desk, compacts, group: GROUPS[own] }, prompt, index > 0)
    said += ran.said
    const asked = turn === 'compact' ? hushed : turn
    complaints.push(...judgeTurn(asked, ran).map(one => `turn ${index + 1} ${one}`))
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
  if (compacts) complaints.push(...judgeCompaction(agent, row, sent))
  return { complaints, asked: [mine.length, theirs.length], said, sent }
}
