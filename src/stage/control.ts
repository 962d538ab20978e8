import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Prompter, readFaults } from './faults.ts'
import type { Hit, Recorder } from './recorder.ts'
import type { Head } from './sockets.ts'

type Desk = { readonly recorder: Recorder; readonly prompter: Prompter }

export type ControlAnswer = { readonly status: number; readonly body: JsonObject }

/**
 * The prompter's door, beside the provider's own paths: POST /__stage/script `{faults, path?, model?, then?}`,
 * GET and DELETE /__stage/requests. Open only when the stage was started with `control`.
 */
export const answerControl = (head: Head, body: Uint8Array, desk: Desk): ControlAnswer => {
  const call = `${head.method} ${head.target.split('?')[0]}`
  if (call === 'GET /__stage/requests')
    return { status: 200, body: { requests: desk.recorder.hits.map(shown) } }
  if (call === 'DELETE /__stage/requests') {
    desk.recorder.clear()
    return { status: 200, body: { cleared: true } }
  }
  if (call === 'POST /__stage/script') return setScript(body, desk.prompter)
  if (call === 'DELETE /__stage/script') {
    desk.prompter.clear()
    return { status: 200, body: { cleared: true } }
  }
  return { status: 404, body: { error: `no such control: ${call}` } }
}

const setScript = (bytes: Uint8Array, prompter: Prompter): ControlAnswer => {
  try {
    const given: Json = JSON.parse(Buffer.from(bytes).toString())
    const script = isObject(given) && given.faults !== undefined ? given : { faults: given }
    const faults = readFaults(script.faults)
    const path = 'path' in script && typeof script.path === 'string' ? new RegExp(script.path) : undefined
    const model = 'model' in script && typeof script.model === 'string' ? script.model : undefined
    const then = 'then' in script ? readFaults(script.then)[0] : undefined
    prompter.add(faults, {
      ...(path === undefined ? {} : { path }),
      ...(model === undefined ? {} : { model }),
      ...(then === undefined ? {} : { then }),
    })
    return { status: 200, body: { faults: faults.length } }
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : 'not a script' } }
  }
}

const SECRET = new Set(['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'x-amz-security-token'])

/** A recorded request as JSON; credentials are not shown. */
const shown = (hit: Hit): JsonObject => ({
  index: hit.index,
  connection: hit.connection,
  at_ms: Math.round(hit.at),
  method: hit.method,
  target: hit.target.replace(/([?&]key=)[^&]*/, '$1(hidden)'),
  headers: hit.headers.map(([name, value]) => [name, SECRET.has(name.toLowerCase()) ? '(hidden)' : value]),
  body: hit.text.slice(0, 65_536),
  body_bytes: hit.body.length,
  fault: hit.fault.kind,
  refused: hit.refusal === undefined ? null : hit.refusal.error,
  answered: { ...hit.answered },
  abandoned: hit.abandoned,
})
