import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Draft, HeaderPair } from '../../src/providers/provider.ts'
import type { Answer } from '../../src/stage/answer.ts'
import { CAST } from '../../src/stage/cast.ts'
import type { Flavour } from '../../src/stage/flavour.ts'
import { openScene } from '../../src/stage/open-scene.ts'
import { Hit } from '../../src/stage/recorder.ts'
import { StageRefusal } from '../../src/stage/refusal.ts'
import { Line } from '../../src/stage/sockets.ts'
import { spell } from '../../src/stage/step.ts'
import { bedrockProvider } from './bedrock.ts'
import { halves, type Part, type Script, single } from './script.ts'
import type { Player } from './targets.ts'

/**
 * One healthy, strict provider without a socket: the rules and answers of the stage. What a real one would refuse is
 * refused in its words.
 */
export type Provider = (draft: Draft, headers: readonly HeaderPair[]) => Script

const partsOf = (answer: Answer): readonly Part[] => {
  if (answer.kind === 'whole') return halves(answer.body)
  if (answer.kind === 'pieces') return answer.pieces.map(bytes => ({ bytes, content: true }))
  if (answer.kind === 'frames') return answer.frames
  return answer.events.map(event => ({ bytes: spell(event), content: event.weight === 'content' }))
}

const scriptOf = (answer: Answer): Script => ({
  door: 'open',
  head: {
    status: answer.status,
    headers: answer.headers,
    length: answer.kind === 'whole' ? answer.body.length : undefined,
  },
  parts: partsOf(answer),
  ending: 'end',
})

/** A line to nobody: the stage's checks want a hit, and a hit wants a line. */
const nowhere = (): Line => {
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, taken) => taken() })
  return new Line(Object.assign(socket, { setNoDelay: () => socket }) as unknown as Socket, 0)
}

const hitOf = (draft: Draft, headers: readonly HeaderPair[]): { readonly hit: Hit; readonly head: Head } => {
  const host = draft.origin.replace(/^https?:\/\//, '')
  const head: Head = {
    raw: new Uint8Array(),
    method: draft.method,
    target: draft.path,
    headers: [['host', host], ...headers],
  }
  const hit = new Hit(0, head, nowhere())
  hit.body = Buffer.concat(draft.body)
  return { hit, head }
}

type Head = ConstructorParameters<typeof Hit>[1]

/** One of the stage's cast. */
const socketless = (name: string, key: string, flavour: Flavour): Provider => {
  const { inspect, refusal, prefill } = CAST[flavour]
  const scene = openScene({
    flavour,
    key,
    prefill,
    name,
    issuer: name,
    models: ['*'],
    now: () => new Date(1_767_225_600_000),
  })
  return (draft, headers) => {
    const { hit, head } = hitOf(draft, headers)
    try {
      const { ask, handler } = inspect(scene, head, hit)
      return scriptOf(handler(ask))
    } catch (error) {
      if (!(error instanceof StageRefusal)) throw error
      const refused = JSON.stringify(refusal(error.error).body)
      return single(error.status, { 'content-type': 'application/json' }, refused)
    }
  }
}

/** The provider that a deployment stands for. */
export const providerFor = ({ id, kind }: Player, key: string): Provider =>
  kind.speaks === 'bedrock' ? bedrockProvider : socketless(id, key, kind.plays ?? kind.speaks)
