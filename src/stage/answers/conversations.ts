import { isObject, type JsonObject } from '../../wire/json.ts'
import { json } from '../answer.ts'
import { checkItems } from '../check-body.ts'
import { page } from '../lists.ts'
import { refuse } from '../refusal.ts'
import { type Ask, type Handler, param } from '../scene.ts'

const found = (ask: Ask) => {
  const id = param(ask, 'id')
  const conversation = ask.scene.memory.conversations.get(id)
  if (conversation === undefined) throw refuse(404, `Conversation with id '${id}' not found.`)
  return conversation
}

const itemsIn = (ask: Ask): JsonObject[] => {
  checkItems(ask.body.items, ask.scene)
  const items = Array.isArray(ask.body.items) ? ask.body.items.filter(isObject) : []
  if (items.length > 20)
    throw refuse(400, "Invalid 'items': at most 20 at a time.", {
      param: 'items',
      code: 'array_above_max_length',
    })
  return items.map(item => {
    const kind = item.role === 'assistant' ? 'output_text' : 'input_text'
    const content = typeof item.content === 'string' ? [{ type: kind, text: item.content }] : item.content
    return {
      type: 'message',
      status: 'completed',
      ...item,
      id: ask.scene.id('msg_'),
      ...(content === undefined ? {} : { content }),
    }
  })
}

const create: Handler = ask => {
  const id = ask.scene.id('conv_')
  const object = {
    id,
    object: 'conversation',
    created_at: ask.scene.now(),
    metadata: ask.body.metadata ?? {},
  }
  ask.scene.memory.conversations.set(id, { object, items: itemsIn(ask) })
  return json(object)
}

const update: Handler = ask => {
  const conversation = found(ask)
  const object = { ...conversation.object, metadata: ask.body.metadata ?? {} }
  ask.scene.memory.conversations.set(param(ask, 'id'), { ...conversation, object })
  return json(object)
}

const remove: Handler = ask => {
  found(ask)
  ask.scene.memory.conversations.delete(param(ask, 'id'))
  return json({ id: param(ask, 'id'), object: 'conversation.deleted', deleted: true })
}

const addItems: Handler = ask => {
  const conversation = found(ask)
  const items = itemsIn(ask)
  conversation.items.push(...items)
  return json({
    object: 'list',
    data: items,
    first_id: items[0]?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: false,
  })
}

const itemOf = (ask: Ask): JsonObject => {
  const item = found(ask).items.find(one => one.id === param(ask, 'item'))
  if (item === undefined) throw refuse(404, `Item with id '${param(ask, 'item')}' not found.`)
  return item
}

const removeItem: Handler = ask => {
  const conversation = found(ask)
  const item = itemOf(ask)
  conversation.items.splice(conversation.items.indexOf(item), 1)
  return json(conversation.object)
}

export const CONVERSATIONS: readonly (readonly [key: string, handler: Handler])[] = [
  ['POST /conversations', create],
  ['GET /conversations/:id', ask => json(found(ask).object)],
  ['POST /conversations/:id', update],
  ['DELETE /conversations/:id', remove],
  ['POST /conversations/:id/items', addItems],
  ['GET /conversations/:id/items', ask => json(page(ask.query, found(ask).items))],
  ['GET /conversations/:id/items/:item', ask => json(itemOf(ask))],
  ['DELETE /conversations/:id/items/:item', removeItem],
]
