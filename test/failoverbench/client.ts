import { headerIn, openRaw, type RawClient, type RawHead } from '../support/raw.ts'
import { ANSWER, WORDS, wordsIn } from './answer.ts'
import { type Endpoint, objectIn, type Reading } from './endpoint.ts'
import type { Call } from './observation.ts'
import { errorIn } from './reading.ts'

/** The gateway, or whatever else is driven. */
export type Target = { readonly url: string; readonly key: string }

/** What came back, byte for byte. */
type Came = {
  readonly head: RawHead | undefined
  readonly body: Buffer
  /** whole: HTTP's own end. cut: the connection ended before it. hang: the client's patience did. */
  readonly end: 'whole' | 'cut' | 'hang'
}

/** Reads to the end, or until nobody waits any more: what had come by then counts. */
const gather = async (client: RawClient, patienceMs: number): Promise<Came> => {
  const heads: RawHead[] = []
  const pieces: Buffer[] = []
  const reading = async (): Promise<'whole' | 'cut'> => {
    try {
      heads.push(await client.head())
      for (;;) {
        const piece = await client.piece()
        if (piece === undefined) return 'whole'
        pieces.push(piece)
      }
    } catch {
      return 'cut'
    }
  }
  const { promise: patience, resolve } = Promise.withResolvers<'hang'>()
  const timer = setTimeout(() => resolve('hang'), patienceMs)
  const end = await Promise.race([reading(), patience])
  clearTimeout(timer)
  client.leave()
  return { head: heads[0], body: Buffer.concat(pieces), end }
}

const refusalIn = ({ head, body }: Came): string => {
  const said = objectIn(body)
  const message = said === undefined ? undefined : errorIn(said)
  return `HTTP ${head?.status}: ${message ?? body.toString().slice(0, 120)}`
}

const progress = ({ content }: Reading): string => {
  const came = wordsIn(content)
  return came === 0 ? '' : `${came} of ${WORDS} words, then `
}

const brief = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

type Ending = Pick<Call, 'outcome' | 'complete' | 'told'>

const endingOf = (came: Came, reading: Reading): Ending => {
  const error = (told: string): Ending => ({ outcome: 'error', complete: false, told: brief(told) })
  if (came.end === 'hang')
    return { outcome: 'hang', complete: false, told: `${progress(reading)}nothing more, and no end` }
  if (came.head === undefined) return error('the connection ended without an answer')
  if (came.head.status !== 200) return error(refusalIn(came))
  if (reading.error !== undefined) return error(`${progress(reading)}an error: ${reading.error}`)
  if (came.end === 'cut') return error(`${progress(reading)}a broken connection`)
  const answer = (complete: boolean, told: string): Ending => ({ outcome: 'answer', complete, told })
  if (reading.content !== ANSWER)
    return answer(
      false,
      ANSWER.startsWith(reading.content)
        ? `${progress(reading)}the end of a success`
        : `another text than the answer: ${brief(reading.content.slice(-80))}`,
    )
  if (!reading.finished) return answer(false, 'every word, but no mark of a whole answer')
  return reading.flaw === undefined ? answer(true, 'the whole answer') : answer(false, reading.flaw)
}

/** How a client that knows the dialect takes what came. */
export const takenFrom = (came: Came, endpoint: Endpoint): Ending & Pick<Call, 'model' | 'usage'> => {
  const reading = endpoint.read(came.body)
  const ending = endingOf(came, reading)
  const model = reading.model ?? (came.head && headerIn(came.head, 'x-litellm-model-group'))
  return { ...ending, model: ending.complete ? model : undefined, usage: ending.complete && reading.usage }
}

/** Sends one request and reads its answer as the official client libraries do. Never throws. */
export const callOnce = async (
  target: Target,
  endpoint: Endpoint,
  model: string,
  patienceSeconds: number,
): Promise<Omit<Call, 'sentAt'>> => {
  const began = performance.now()
  const { contentType, body } = endpoint.ask(model)
  let came: Came = { head: undefined, body: Buffer.alloc(0), end: 'cut' }
  try {
    // The client's own patience decides; the raw client's would call every silence an end.
    const client = await openRaw(target.url, (patienceSeconds + 10) * 1000)
    await client.request({
      path: endpoint.path,
      headers: [
        ['authorization', `Bearer ${target.key}`],
        ['content-type', contentType],
      ],
      body,
    })
    came = await gather(client, patienceSeconds * 1000)
  } catch {
    // A gateway that takes no connection has given no answer.
  }
  return { seconds: (performance.now() - began) / 1000, ...takenFrom(came, endpoint) }
}
