import type { ShapeName } from '../routes.ts'
import { asBuffer } from '../wire/bytes.ts'
import { parsePath } from '../wire/edit.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { isObject, type Json } from '../wire/json.ts'
import { textsAt } from './texts-at.ts'

/**
 * State that ties a request to whoever made it: what it is, who can read it, and what becomes of it on the way to
 * somebody else. Most of it is of the Responses API; other dialects have a little.
 */

/**
 * What a hop to somebody who cannot read it does with it.
 * stays: there is no such hop; the call goes to those who can read it, or fails and says why.
 * left out: the hop goes without it, and the answer says so.
 * in words: what it stands for is put in its place.
 * mended: it is given the form, or the stand-in, that the other one asks for.
 * goes on: it means nothing there, and does no harm.
 */
export type Away = 'stays' | 'left out' | 'in words' | 'mended' | 'goes on'

/** Where an id of this kind stands in requests that are answered so. */
type Place = {
  readonly of: readonly ShapeName[]
  /** As in additional_drop_params, from the top. */
  readonly path: string
  /** Which values there are such ids. Default: every string. */
  readonly means?: (id: string, top: Json) => boolean
}

export type BoundKind = {
  readonly name: string
  /** Where a reader of the documentation finds it; with `places`, they say it. */
  readonly shown?: string
  readonly readers: string
  readonly away: Away
  /** What is done, in words for the documentation. */
  readonly how: string
  /** Ids that the engine looks for: a kind that stays, and has some, binds the call. */
  readonly places?: readonly Place[]
  /** What the client can do when it binds: completes "…, and others can serve the call". */
  readonly mend?: string
  /** How clients of the dialect hear that it is not there, on which they do so by themselves. */
  readonly told?: { readonly status: number; readonly type: string; readonly code: string }
}

const RESPONSES: readonly ShapeName[] = ['responses', 'compaction', 'trigger']
const OWN = 'the account'
const CLAUDE = 'Claude, wherever it runs'
const GOOGLE_FILE = /^https:\/\/generativelanguage\.googleapis\.com\//

/** An answer to a request that is not in the list: who keeps the request knows what was approved. */
const isUnasked = (id: string, input: Json): boolean => {
  const items = (Array.isArray(input) ? input : []).filter(isObject)
  const answers = items.some(item => item.type === 'mcp_approval_response' && item.approval_request_id === id)
  return answers && !items.some(item => item.type === 'mcp_approval_request' && item.id === id)
}

export const BOUND_STATE: readonly BoundKind[] = [
  {
    name: 'a stored response',
    shown: '`previous_response_id`',
    readers: OWN,
    away: 'in words',
    how: 'the conversation takes its place where a transcript is kept; else it stays, and is told as 400 `previous_response_not_found`, on which clients send their whole input',
  },
  {
    name: 'a conversation',
    shown: '`conversation`',
    readers: OWN,
    away: 'in words',
    how: "what it holds takes its place where that is known, and the turn is not added to it; else it stays, and the owner's failure is told",
  },
  {
    name: 'a thread of messages',
    readers: `${OWN}, at Anthropic`,
    away: 'stays',
    how: 'told as 404 `thread_not_found`, on which clients send the whole conversation; a thread that begins is left out elsewhere',
    places: [{ of: ['messages'], path: 'thread.previous_message_id' }],
    mend: 'send all of its messages',
    told: { status: 404, type: 'not_found_error', code: 'thread_not_found' },
  },
  {
    name: 'a background response',
    shown: 'ids in paths: `GET /v1/responses/:id`, `/cancel`, `starting_after`',
    readers: 'the deployment',
    away: 'stays',
    how: "the owner's failure is told, and the run is never begun anew",
  },
  {
    name: 'a referenced item',
    shown: '`item_reference`',
    readers: OWN,
    away: 'in words',
    how: 'a copy of the item goes in its place, and reasoning is left out; without a copy the call is refused, naming the item',
    mend: 'send the item itself',
  },
  {
    name: 'ids of items',
    shown: '`input[*].id` of messages and calls',
    readers: OWN,
    away: 'left out',
    how: 'those that another account issued; `call_id` stays, and what clients made themselves',
  },
  {
    name: 'missing ids of items',
    shown: '`input[*].id`',
    readers: 'everybody',
    away: 'mended',
    how: 'a provider that asks for one gets one of the right prefix, the same in every turn',
  },
  {
    name: 'sealed reasoning',
    shown: '`input[*]` of type `reasoning`',
    readers: OWN,
    away: 'left out',
    how: 'the whole item; after `invalid_encrypted_content` the hop is made once more without it',
  },
  {
    name: 'a compaction',
    shown: '`input[*]` of type `compaction`',
    readers: `${OWN}; a capsule of this gateway: everybody`,
    away: 'in words',
    how: 'a capsule always, a native one where a copy is kept; without a copy the call is refused or fails',
    mend: 'set router_settings.compaction_shadow, or compact the whole conversation anew',
  },
  {
    name: 'a file',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [
      { of: RESPONSES, path: 'input[*].content[*].file_id' },
      { of: RESPONSES, path: 'input[*].output[*].file_id' },
      { of: RESPONSES, path: 'input[*].output.file_id' },
      { of: RESPONSES, path: 'tools[*].container.file_ids[*]' },
      { of: RESPONSES, path: 'tools[*].input_image_mask.file_id' },
      { of: ['chat'], path: 'messages[*].content[*].file.file_id' },
      { of: ['messages'], path: 'messages[*].content[*].source.file_id' },
      {
        of: ['gemini'],
        path: 'contents[*].parts[*].fileData.fileUri',
        means: id => GOOGLE_FILE.test(id),
      },
    ],
    mend: 'send the bytes in its place (file_data, or a data URL)',
  },
  {
    name: 'a vector store',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [{ of: RESPONSES, path: 'tools[*].vector_store_ids[*]' }],
    mend: 'leave the tool out, or name a store of the other account',
  },
  {
    name: 'a container',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [
      { of: RESPONSES, path: 'tools[*].container' },
      { of: RESPONSES, path: 'tools[*].environment.container_id' },
      { of: ['messages'], path: 'container' },
      { of: ['messages'], path: 'container.id' },
    ],
    mend: 'ask for a new one ({"type": "auto"})',
  },
  {
    name: 'a stored prompt',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [{ of: RESPONSES, path: 'prompt.id' }],
    mend: 'send its text as instructions and input',
  },
  {
    name: 'an approval',
    readers: OWN,
    away: 'stays',
    how: 'unless the `mcp_approval_request` is in the input beside it',
    places: [{ of: RESPONSES, path: 'input[*].approval_request_id', means: isUnasked }],
    mend: 'send the mcp_approval_request item with it',
  },
  {
    name: 'a connector or a tunnel',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [
      { of: RESPONSES, path: 'tools[*].connector_id' },
      { of: RESPONSES, path: 'tools[*].tunnel_id' },
    ],
    mend: 'name the server by server_url',
  },
  {
    name: 'cached content',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [{ of: ['gemini'], path: 'cachedContent' }],
    mend: 'send the contents themselves',
  },
  {
    name: 'earlier sound',
    readers: OWN,
    away: 'stays',
    how: 'the failure names the field',
    places: [{ of: ['chat'], path: 'messages[*].audio.id' }],
    mend: 'send its transcript as content',
  },
  {
    name: 'a response to compare with',
    shown: '`prompt_cache_options.comparison_response_id`',
    readers: OWN,
    away: 'left out',
    how: 'it explains a cache, and changes no answer',
  },
  {
    name: 'keys of prompt caches',
    shown: '`prompt_cache_key`, `prompt_cache_options`, `prompt_cache_retention`',
    readers: 'everybody',
    away: 'goes on',
    how: 'left out where they are refused by name',
  },
  {
    name: 'secrets of MCP servers',
    shown: '`tools[*].authorization`, `tools[*].headers`',
    readers: 'everybody',
    away: 'goes on',
    how: 'to configured providers alone; no log, trail or error has them',
  },
  {
    name: 'tiers',
    shown: '`service_tier`',
    readers: 'everybody',
    away: 'goes on',
    how: 'left out where the name is unknown; where the account may not have the tier, that is the answer, unless the operator drops it',
  },
  {
    name: 'signed thoughts of Claude',
    shown: '`thinking`, `redacted_thinking`, `thinking_blocks`',
    readers: CLAUDE,
    away: 'left out',
    how: 'at everybody else; and where a signature is refused, once, with `thinking` in the middle of a turn',
  },
  {
    name: 'a compaction of Claude',
    shown: '`messages[*].content[*]` of type `compaction`',
    readers: CLAUDE,
    away: 'in words',
    how: 'its text in the place of all that stands before it, which Claude would not read either; its signature and its sealed part are left out',
  },
  {
    name: 'where an answer may be made',
    shown: '`inference_geo`',
    readers: "Anthropic's own service",
    away: 'stays',
    how: 'Bedrock, Vertex AI, Azure and every other dialect refuse it by name before anything is sent, whatever `drop_params` says; servers of OpenAI’s dialect get it as it is. Nobody is asked again without it',
  },
  {
    name: 'thought signatures of Gemini',
    shown: '`thoughtSignature`',
    readers: 'Gemini',
    away: 'mended',
    how: 'a call without one gets `skip_thought_signature_validator`; so do calls whose signature is refused, once',
  },
  {
    name: 'readable thoughts',
    shown: '`messages[*].reasoning_content`, `provider_specific_fields`',
    readers: 'who wrote them',
    away: 'left out',
    how: 'at OpenAI and Azure, which refuse them',
  },
  {
    name: 'ids of tool calls',
    shown: '`call_id`, `tool_call_id`, `tool_use_id`',
    readers: 'everybody',
    away: 'mended',
    how: 'a name of the form that the provider takes, the same in every turn',
  },
]

/** An id in a request that means something to one account. */
export type Reference = {
  readonly kind: BoundKind
  readonly path: readonly string[]
  readonly id: string
}

type Spot = Place & { readonly kind: BoundKind; readonly steps: readonly string[]; readonly mark: Buffer }

const spotsOf = (kind: BoundKind): readonly Spot[] =>
  (kind.places ?? []).map(place => {
    const steps = parsePath(place.path)
    return { ...place, kind, steps, mark: Buffer.from(`"${steps.findLast(step => step !== '*') ?? ''}"`) }
  })

const SPOTS = BOUND_STATE.flatMap(spotsOf)
const BY_SHAPE = new Map<ShapeName, readonly Spot[]>(
  [...new Set(SPOTS.flatMap(spot => spot.of))].map(shape => [
    shape,
    SPOTS.filter(spot => spot.of.includes(shape)),
  ]),
)

const NONE: readonly Reference[] = []

/** The ids of a body that bind it. A request without any costs a search or two of its bytes. */
export const referencesIn = (index: JsonIndex, shape: ShapeName): readonly Reference[] => {
  const spots = BY_SHAPE.get(shape)
  if (spots === undefined) return NONE
  let found: Reference[] | undefined
  const seen = new Map<string, boolean>()
  for (const { kind, steps, mark, means } of spots) {
    const [top = '', ...inner] = steps
    const member = index.members.get(top)
    if (member === undefined) continue
    // A name in another spelling is nobody's: who writes so is not protected from his own id.
    const key = `${top} ${mark.toString()}`
    const there =
      seen.get(key) ??
      (inner.length === 0 || asBuffer(index.bytes).subarray(member.start, member.end).includes(mark))
    seen.set(key, there)
    if (!there) continue
    const value = valueAt(index, top)
    for (const { path, text: id } of textsAt(value, inner, [top]))
      if (id !== '' && means?.(id, value ?? null) !== false) {
        found ??= []
        found.push({ kind, path, id })
      }
  }
  return found ?? NONE
}
