import type { Fault } from '../../src/stage/faults.ts'

/** One turn that the user asks for. */
export type Turn = Asked | 'compact'

export type Asked = {
  /** A command a call, each made by a call of its own. */
  readonly calls?: readonly string[]
  /** It ends with so many words that an agent which compacts by itself does so before its next turn. */
  readonly long?: true
  readonly says: string
}

export type Row = {
  readonly name: string
  readonly turns: readonly Turn[]
  /** What befalls the primary, one entry a request. */
  readonly faults?: readonly Fault[]
  /** The other provider's group is asked for: nothing is native. */
  readonly foreign?: boolean
  /** The other provider has to have served something (true), or nothing. */
  readonly crosses: boolean
  /** The primary's last request has to have been a right one: it is served by it again. */
  readonly returns?: boolean
  /** The other provider makes the compaction. */
  readonly compactedElsewhere?: boolean
  /** What was sent is kept under this name. */
  readonly keep?: string
}

const OK: Fault = { kind: 'ok' }
const DOWN: Fault = { kind: 'status', status: 503 }
/** In the middle of what it says, and before the first of it. */
const CUT: Fault = { kind: 'cut', how: 'rst', afterContent: 1 }
const DUMB: Fault = { kind: 'cut', how: 'rst', afterContent: 0 }
const several = (times: number, fault: Fault): readonly Fault[] => Array.from({ length: times }, () => fault)

/** What the task leaves behind, and is judged by. */
export const NOTE = 'the understudy went on'

const TASK: Asked = {
  calls: [`printf '%s' '${NOTE}' > note.txt`, 'cat note.txt > copy.txt', 'rm note.txt && cat copy.txt'],
  says: 'the task is done',
}
const hello = (says: string): Asked => ({ says })
export const MANY = 20_000
const LONG: Asked = { ...TASK, long: true }

export const ROWS: readonly Row[] = [
  { name: 'a plain turn', turns: [hello('good evening')], crosses: false },
  { name: 'a task of three calls', turns: [TASK], crosses: false, keep: 'task' },
  { name: 'the same task at the other provider alone', turns: [TASK], foreign: true, crosses: false },
  { name: 'the primary fails before the turn', turns: [TASK], faults: [DOWN], crosses: true },
  {
    name: 'it is gone for the whole task',
    turns: [TASK],
    faults: several(12, DOWN),
    crosses: true,
  },
  {
    name: 'it breaks off in the middle of a call',
    turns: [TASK],
    faults: [OK, CUT],
    crosses: false,
  },
  {
    name: 'it breaks off in the middle of the last words',
    turns: [TASK],
    faults: [OK, OK, OK, CUT],
    crosses: false,
  },
  {
    name: 'it breaks off in the middle of a call and is gone for the rest of the turn',
    turns: [TASK],
    faults: [OK, CUT, ...several(12, DOWN)],
    crosses: true,
  },
  {
    name: 'it accepts each call and breaks off before its first word',
    turns: [TASK],
    faults: several(12, DUMB),
    crosses: true,
  },
  {
    name: 'it fails between calls and comes back',
    keep: 'crossed',
    turns: [TASK],
    faults: [OK, DOWN, DOWN, OK],
    crosses: true,
    returns: true,
  },
  {
    name: 'a session of three turns: primary, other, primary',
    turns: [TASK, hello('second act'), hello('third act')],
    faults: [OK, OK, OK, OK, DOWN, OK],
    crosses: true,
    returns: true,
  },
  {
    name: 'it is gone after the first turn, for the rest of the session',
    turns: [TASK, hello('second act'), TASK],
    faults: [...several(4, OK), ...several(12, DOWN)],
    crosses: true,
  },
  {
    name: 'a compaction that the primary makes',
    keep: 'compaction',
    turns: [LONG, 'compact', hello('after it')],
    crosses: false,
  },
  {
    name: 'a compaction that it fails is made elsewhere, and the session goes on',
    turns: [LONG, 'compact', hello('after it'), hello('and further')],
    faults: [...several(4, OK), DOWN],
    crosses: true,
    compactedElsewhere: true,
    returns: true,
  },
  {
    name: 'a compaction at the other provider alone',
    turns: [LONG, 'compact', hello('after it')],
    foreign: true,
    crosses: false,
  },
  {
    name: 'all of it: it fails before, during and after a turn, and the compaction',
    turns: [LONG, 'compact', TASK, hello('the last act')],
    faults: [
      // Before the turn; then in the middle of its second call, and at the agent's next try.
      ...[DOWN, OK, CUT, DOWN, OK],
      // The compaction, and the first call of the turn after it.
      ...[DOWN, DOWN],
    ],
    crosses: true,
    compactedElsewhere: true,
    returns: true,
  },
]
