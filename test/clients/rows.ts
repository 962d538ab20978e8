import type { Fault } from '../../src/stage/faults.ts'

/** One turn that the user asks for. */
export type Turn = {
  /** A command a call, each made by a call of its own. */
  readonly calls?: readonly string[]
  readonly more?: string
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
  readonly compactAt?: number
  /** What was sent is kept under this name. */
  readonly keep?: string
  /** Only the agent that compacts by the provider. */
  readonly only?: 'openai'
}

const OK: Fault = { kind: 'ok' }
const DOWN: Fault = { kind: 'status', status: 503 }
const CUT: Fault = { kind: 'cut', how: 'rst', afterContent: 1 }

/** What the task leaves behind, and is judged by. */
export const NOTE = 'the understudy went on'

const TASK: Turn = {
  calls: [`printf '%s' '${NOTE}' > note.txt`, 'cat note.txt > copy.txt', 'rm note.txt && cat copy.txt'],
  says: 'the task is done',
}
const hello = (says: string): Turn => ({ says })

export const ROWS: readonly Row[] = [
  { name: 'a plain turn', turns: [hello('good evening')], crosses: false },
  { name: 'a task of three calls', turns: [TASK], crosses: false, keep: 'task' },
  { name: 'the same task at the other provider alone', turns: [TASK], foreign: true, crosses: false },
  { name: 'the primary fails before the turn', turns: [TASK], faults: [DOWN], crosses: true },
  {
    name: 'it is gone for the whole task',
    turns: [TASK],
    faults: Array.from({ length: 12 }, () => DOWN),
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
    name: 'a compaction that the primary makes',
    keep: 'compaction',
    turns: [{ ...TASK, more: '[stage:words 4000]', says: '' }, hello('after it')],
    crosses: false,
    compactAt: 8000,
    only: 'openai',
  },
  {
    name: 'a compaction that it fails is made elsewhere, and the session goes on',
    turns: [{ ...TASK, more: '[stage:words 4000]', says: '' }, hello('after it'), hello('and further')],
    faults: [OK, OK, OK, OK, DOWN],
    crosses: true,
    returns: true,
    compactAt: 8000,
    only: 'openai',
  },
]
