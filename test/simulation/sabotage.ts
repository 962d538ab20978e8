import type { Answer, Sink, Transport } from '../../src/attempt/transport.ts'
import type { Config, Deployment } from '../../src/config/config.ts'
import type { House } from '../../src/house.ts'
import type { Draft } from '../../src/providers/provider.ts'
import type { RequestRecord } from '../../src/record/trail.ts'
import { type Bound, Seal, type Unsealed } from '../../src/seal.ts'
import type { Board, Cooling, Lease } from '../../src/shared/board.ts'
import type { Sabotage } from './engine.ts'
import { standIn } from './stand-in.ts'

/** Ways to break one part of a gateway from outside: whatever stands between two parts is taken and handed on changed. */

type Sending = Parameters<Transport['send']>

export const overTransport =
  (change: (send: Transport['send'], sending: Sending) => Promise<Answer>): Sabotage =>
  house => ({
    ...house,
    transport: { ...house.transport, send: (...sending) => change(house.transport.send, sending) },
  })

/** Changes what is sent upstream. */
export const overDraft = (change: (draft: Draft) => Draft): Sabotage =>
  overTransport((send, [draft, ...rest]) => send(change(draft), ...rest))

/** Changes what comes back. */
export const overAnswer = (change: (answer: Answer) => Partial<Answer>): Sabotage =>
  overTransport(async (send, sending) => {
    const answer = await send(...sending)
    return {
      status: answer.status,
      headers: answer.headers,
      read: sink => answer.read(sink),
      pause: () => answer.pause(),
      resume: () => answer.resume(),
      abort: () => answer.abort(),
      ...change(answer),
    }
  })

export const overSink = (change: (sink: Sink, answer: Answer) => Partial<Sink>): Sabotage =>
  overAnswer(answer => ({
    read: sink =>
      answer.read({
        data: chunk => sink.data(chunk),
        end: () => sink.end(),
        error: error => sink.error(error),
        ...change(sink, answer),
      }),
  }))

export const isStream = ({ headers }: Answer): boolean => headers['content-type'] === 'text/event-stream'

export const overText = (change: (text: string, answer: Answer) => string): Sabotage =>
  overSink((sink, answer) => ({
    data: chunk => sink.data(Buffer.from(change(Buffer.from(chunk).toString('latin1'), answer), 'latin1')),
  }))

export const overBoard =
  (change: (board: Board, house: House) => Partial<Board>): Sabotage =>
  house => ({ ...house, board: standIn(house.board, change(house.board, house)) })

export const overLease = (change: (lease: Lease, deployment: Deployment) => Lease): Sabotage =>
  overBoard(board => ({
    admit: (...asked) => {
      const admitted = board.admit(...asked)
      return admitted instanceof Promise
        ? admitted.then(lease => change(lease, asked[0]))
        : change(admitted, asked[0])
    },
  }))

/** The engine works by another configuration than the one in force. */
export const overConfig = (change: (config: Config) => Config): Sabotage => {
  const known = new WeakMap<Config, Config>()
  return house => ({
    ...house,
    config: () => {
      const config = house.config()
      const changed = known.get(config) ?? change(config)
      known.set(config, changed)
      return changed
    },
  })
}

export const overRecord =
  (change: (record: RequestRecord) => readonly RequestRecord[]): Sabotage =>
  house => ({
    ...house,
    journal: { ...house.journal, request: record => change(record).forEach(house.journal.request) },
  })

export const withRetries = (numRetries: number): Sabotage =>
  overConfig(config => ({ ...config, router: { ...config.router, numRetries } }))

export const withMember = (draft: Draft, member: string): Draft => {
  const text = Buffer.concat(draft.body).toString('latin1')
  const body = text.startsWith('{') ? [Buffer.from(`{${member},${text.slice(1)}`, 'latin1')] : draft.body
  return { ...draft, body }
}

/** A board that can be asked whether all is quiet says no, so that everybody looks at the rests. */
export const AWAKE = { calm: () => false }

export const cooling = (change: (known: Cooling | undefined, now: number) => Cooling | undefined): Sabotage =>
  overBoard((board, { clock }) => ({
    ...AWAKE,
    cooling: (...asked: Parameters<Board['cooling']>) => change(board.cooling(...asked), clock.now()),
  }))

/** Keeps ids that others are bound to, and opens them for somebody else's provider. */
export class CarelessSeal extends Seal {
  override open(id: string, owner: string, config: Config): Unsealed {
    const opened = super.open(id, owner, config)
    if (opened.kind !== 'bound') return opened
    const other = config.deployments.find(one => one.boundary !== opened.bound.deployment.boundary)
    const bound: Bound = { ...opened.bound, deployment: other ?? opened.bound.deployment }
    return { kind: 'bound', bound }
  }
}
