import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Play } from './anthropic-answer.ts'
import { refused, refusedWith } from './anthropic-shape.ts'
import type { Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** Conversations that the API keeps: each answer of a thread can be gone on with once, and only by its own account. */

const BETA = 'message-threads-2026-08-12'

/** What a turn that goes on takes from the thread, and may not say again. */
const KEPT = ['system', 'tools'] as const

type Kept = { readonly body: JsonObject; readonly messages: readonly Json[] }

const threads = new WeakMap<Scene, Map<string, Kept>>()

const threadsOf = (scene: Scene): Map<string, Kept> => {
  const known = threads.get(scene) ?? new Map<string, Kept>()
  threads.set(scene, known)
  return known
}

const messagesOf = ({ messages }: JsonObject): readonly Json[] => (Array.isArray(messages) ? messages : [])

const notFound = (id: string): Error =>
  refusedWith(
    { error_code: 'thread_not_found' },
    `thread.previous_message_id: no thread was found for ${id}`,
    404,
    'not_found_error',
  )

const goneOn = (body: JsonObject, thread: JsonObject, scene: Scene): JsonObject => {
  const id = thread.previous_message_id
  if (typeof id !== 'string') throw refused('thread.continue.previous_message_id: Field required')
  const kept = threadsOf(scene).get(id)
  if (kept === undefined) throw notFound(id)
  for (const key of KEPT)
    if (body[key] !== undefined) throw refused(`${key}: is taken from the thread, and cannot be sent again`)
  const { system, tools } = kept.body
  return {
    ...body,
    ...(system === undefined ? {} : { system }),
    ...(tools === undefined ? {} : { tools }),
    messages: [...kept.messages, ...messagesOf(body)],
  }
}

/** The body with the whole conversation in it. Throws StageRefusal. */
export const withThread = (body: JsonObject, head: Head, scene: Scene): JsonObject => {
  const { thread } = body
  if (thread === undefined || thread === null) return body
  const betas = (headerOf(head, 'anthropic-beta') ?? '').split(',').map(one => one.trim())
  if (!betas.includes(BETA)) throw refused('thread: Extra inputs are not permitted')
  if (!isObject(thread) || (thread.type !== 'create' && thread.type !== 'continue'))
    throw refused("thread: Input tag does not match any of the expected tags: 'create', 'continue'")
  return thread.type === 'create' ? body : goneOn(body, thread, scene)
}

/** An answer of a thread is kept under its id, in the place of the one before. */
export const keepThread = (body: JsonObject, { id, blocks }: Play, scene: Scene): void => {
  const { thread } = body
  if (!isObject(thread)) return
  const known = threadsOf(scene)
  if (typeof thread.previous_message_id === 'string') known.delete(thread.previous_message_id)
  known.set(id, { body, messages: [...messagesOf(body), { role: 'assistant', content: [...blocks] }] })
}
