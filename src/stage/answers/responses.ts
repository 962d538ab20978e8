import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { type Answer, json, stream } from '../answer.ts'
import { checkItems } from '../check-body.ts'
import { page } from '../lists.ts'
import type { StoredResponse } from '../memory.ts'
import { invalidValue, refuse } from '../refusal.ts'
import { checkResponses } from '../responses-rules.ts'
import { type Ask, type Handler, param } from '../scene.ts'
import { checkReferences } from './references.ts'
import { eventsOf } from './response-events.ts'
import { compactionItem, inputTokens, itemsOf, produce, responseOf, usageOf } from './response-object.ts'

/** Everything said before: the chain of previous responses, or the conversation. Throws for an id never issued here. */
const historyOf = (ask: Ask): readonly JsonObject[] => {
  const { previous_response_id: previous, conversation } = ask.body
  const conversationId = isObject(conversation) ? conversation.id : conversation
  if (typeof previous === 'string' && typeof conversationId === 'string') {
    throw refuse(400, "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.", {
      code: 'mutually_exclusive_parameters',
    })
  }
  if (typeof conversationId === 'string') {
    const found = ask.scene.memory.conversations.get(conversationId)
    if (found === undefined) throw refuse(404, `Conversation with id '${conversationId}' not found.`)
    return found.items
  }
  return typeof previous === 'string' ? chain(ask, previous) : []
}

const chain = (ask: Ask, id: string): readonly JsonObject[] => {
  const found = ask.scene.memory.responses.get(id)
  if (found === undefined) {
    throw refuse(400, `Previous response with id '${id}' not found.`, {
      param: 'previous_response_id',
      code: 'previous_response_not_found',
    })
  }
  const before = found.response.previous_response_id
  const output = Array.isArray(found.response.output) ? found.response.output.filter(isObject) : []
  return [...(typeof before === 'string' ? chain(ask, before) : []), ...found.inputItems, ...output]
}

/** Ciphertext of another organisation cannot be read here. */
const checkSeals = (ask: Ask): void => {
  const input: readonly Json[] = Array.isArray(ask.body.input) ? ask.body.input : []
  input.filter(isObject).forEach((item, index) => {
    const sealed = item.encrypted_content
    if (typeof sealed === 'string' && ask.scene.vault.open(sealed) === undefined) {
      throw refuse(
        400,
        `The encrypted content for item ${textOrIndex(item.id, index)} could not be verified. Reason: Encrypted content organization_id did not match the target organization.`,
        { code: 'invalid_encrypted_content' },
      )
    }
    if (item.type === 'compaction_trigger' && index !== input.length - 1) {
      throw invalidValue(`input[${index}]`, 'A compaction_trigger must be the last input item.')
    }
  })
}

const textOrIndex = (id: Json | undefined, index: number): string =>
  typeof id === 'string' ? id : `input[${index}]`

const checked = (ask: Ask): readonly JsonObject[] => {
  checkItems(ask.body.input, ask.scene)
  checkResponses(ask.body, typeof ask.body.previous_response_id !== 'string' && !ask.body.conversation)
  checkSeals(ask)
  checkReferences(ask)
  return historyOf(ask)
}

export const createResponse: Handler = ask => {
  const { body, scene } = ask
  if (
    [body.input, body.prompt, body.previous_response_id, body.conversation].every(
      value => value === undefined,
    )
  ) {
    throw refuse(
      400,
      "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.",
      {
        code: 'missing_required_parameter',
      },
    )
  }
  if (typeof body.max_output_tokens === 'number' && body.max_output_tokens < 16) {
    throw refuse(400, "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.", {
      param: 'max_output_tokens',
      code: 'integer_below_min_value',
    })
  }
  const background = body.background === true
  if (background && body.store === false)
    throw refuse(400, 'Background mode requires store to be true.', { param: 'store' })
  const history = checked(ask)
  const items = itemsOf(ask)
  const { output, tokens, cut } = produce(ask, items, history)
  const usage = usageOf(inputTokens([...history, ...items]), tokens)
  const response = responseOf(ask, {
    id: scene.id('resp_'),
    status: cut ? 'incomplete' : 'completed',
    output,
    usage,
  })
  const stored: StoredResponse = { response, inputItems: items, events: eventsOf(response, background) }
  remember(ask, stored, background)
  if (body.stream === true) return stream(stored.events)
  return json(background ? waiting(response, 'queued') : response)
}

const waiting = (response: JsonObject, status: string): JsonObject => ({
  ...response,
  status,
  completed_at: null,
  incomplete_details: null,
  output: [],
  usage: null,
})

const remember = (ask: Ask, stored: StoredResponse, background: boolean): void => {
  const { memory } = ask.scene
  const id = stored.response.id
  if (ask.body.store === false || typeof id !== 'string') return
  // A background response is queued until it is looked at: first GET in_progress, second one done.
  memory.responses.set(id, { ...stored, looksLeft: background && ask.body.stream !== true ? 2 : 0 })
  const conversation = isObject(ask.body.conversation) ? ask.body.conversation.id : ask.body.conversation
  const open = typeof conversation === 'string' ? memory.conversations.get(conversation) : undefined
  const output = Array.isArray(stored.response.output) ? stored.response.output.filter(isObject) : []
  open?.items.push(...stored.inputItems, ...output)
}

const found = (ask: Ask): StoredResponse => {
  const id = param(ask, 'id')
  const stored = ask.scene.memory.responses.get(id)
  if (stored === undefined) throw refuse(404, `Response with id '${id}' not found.`)
  return stored
}

export const getResponse: Handler = ask => {
  const stored = found(ask)
  const left = stored.looksLeft ?? 0
  if (ask.query.get('stream') === 'true') return replay(ask, stored)
  if (left > 0) ask.scene.memory.responses.set(param(ask, 'id'), { ...stored, looksLeft: left - 1 })
  return json(left > 1 ? waiting(stored.response, 'in_progress') : stored.response)
}

/** The same events again, from after `starting_after`. */
const replay = (ask: Ask, stored: StoredResponse): Answer => {
  const after = ask.query.get('starting_after')
  if (after !== null && !/^\d{1,9}$/.test(after)) {
    throw refuse(400, "Invalid type for 'starting_after': expected an integer.", {
      param: 'starting_after',
      code: 'invalid_type',
    })
  }
  return stream(stored.events.slice(after === null ? 0 : Number(after) + 1))
}

export const deleteResponse: Handler = ask => {
  found(ask)
  const id = param(ask, 'id')
  ask.scene.memory.responses.delete(id)
  return json({ id, object: ask.scene.flavour === 'azure' ? 'response.deleted' : 'response', deleted: true })
}

export const cancelResponse: Handler = ask => {
  const stored = found(ask)
  if (stored.response.background !== true) throw refuse(400, 'Cannot cancel a synchronous response.')
  if ((stored.looksLeft ?? 0) === 0) return json(stored.response)
  const response = waiting(stored.response, 'cancelled')
  ask.scene.memory.responses.set(param(ask, 'id'), { ...stored, response, looksLeft: 0 })
  return json(response)
}

const PICTURE = 'message.input_image.image_url'

/** Pictures are not told to who has not asked for them by name. */
const withoutPicture = (part: Json): Json => {
  if (!isObject(part) || part.type !== 'input_image') return part
  const { image_url: _, ...rest } = part
  return rest
}

const withoutPictures = (item: JsonObject): JsonObject =>
  Array.isArray(item.content) ? { ...item, content: item.content.map(withoutPicture) } : item

export const inputItems: Handler = ask => {
  const items = found(ask).inputItems
  const wanted = [...ask.query.getAll('include'), ...ask.query.getAll('include[]')]
  return json(page(ask.query, wanted.includes(PICTURE) ? items : items.map(withoutPictures), 'desc'))
}

export const countInput: Handler = ask => {
  const history = checked(ask)
  return json({ object: 'response.input_tokens', input_tokens: inputTokens([...history, ...itemsOf(ask)]) })
}

/** Every user message, then exactly one compaction item. */
export const compact: Handler = ask => {
  const { input, previous_response_id: previous } = ask.body
  if ((input === undefined || input === null) && typeof previous !== 'string') {
    throw refuse(400, "One of 'input' or 'previous_response_id' must be provided.", {
      code: 'missing_required_parameter',
    })
  }
  const all = [...checked(ask), ...itemsOf(ask)]
  const kept = all.filter(item => item.type === 'message' && item.role === 'user')
  return json({
    id: ask.scene.id('resp_'),
    object: 'response.compaction',
    created_at: ask.scene.now(),
    output: [...kept, compactionItem(ask, all)],
    usage: usageOf(inputTokens(all), 16),
  })
}
