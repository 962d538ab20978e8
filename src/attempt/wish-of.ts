import { createHash } from 'node:crypto'
import type { Call } from '../call.ts'
import { wantedOf } from '../plan/compaction.ts'
import type { Stop } from '../plan/plan.ts'
import type { Wish } from '../plan/wish.ts'
import { keysOf } from '../read/parse.ts'
import { countPromptTokens } from '../record/tokens.ts'
import type { Board } from '../shared/board.ts'

const PROMPT_ROUTES = new Set([
  'chat',
  'completions',
  'responses',
  'compaction',
  'trigger',
  'embeddings',
  'messages',
  'gemini',
])

/** prompt_caching pins a prefix of at least this many bytes (1024 tokens are never fewer bytes). */
const CACHEABLE_BYTES = 1024
const PREFIX_BYTES = 4096

const prefixOf = (call: Call): string | undefined => {
  if (!call.config.router.optionalPreCallChecks.has('prompt_caching') || call.body.kind !== 'json')
    return undefined
  const prompt = call.body.index.members.get('messages') ?? call.body.index.members.get('input')
  if (prompt === undefined || prompt.end - prompt.start < CACHEABLE_BYTES) return undefined
  const prefix = call.body.bytes.subarray(prompt.start, Math.min(prompt.end, prompt.start + PREFIX_BYTES))
  return createHash('sha256').update(prefix).digest('hex')
}

/** The values selection works on; made once per group. */
export const wishOf = (call: Call, stop: Stop, { lessons }: Pick<Board, 'lessons'>): Wish => {
  const { body, context, route } = call
  const bytes = body.kind === 'none' ? 0 : body.bytes.length
  const prompts = PROMPT_ROUTES.has(route.shape) && body.kind === 'json'
  return {
    route,
    group: stop.group,
    candidates: stop.candidates,
    stream: call.stream,
    promptBytes: prompts ? bytes : 0,
    countTokens: prompts
      ? () => countPromptTokens(Buffer.from(body.bytes).toString('utf8'), stop.candidates[0]?.model ?? '')
      : undefined,
    tags: context.tags,
    userAgent: context.userAgent,
    allowedRegion: call.controls.allowedRegion,
    keyHash: context.caller.keyHash,
    sessionId: context.sessionId,
    cachePrefix: prefixOf(call),
    wantsResponseFormat:
      body.kind === 'json' && body.index.members.has('response_format') && keysOf(body).length > 0,
    pin: call.pin,
    compaction: wantedOf(call, stop, lessons),
    origin: call.origin,
    ignoreCooldown: stop.byId,
  }
}
