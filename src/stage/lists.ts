import type { JsonObject } from '../wire/json.ts'
import { refuse } from './refusal.ts'

/**
 * One page of a list: `limit` 1 to `most` (20 where that is 100), `order`, `after` and `before`. Items are given oldest first.
 * A cursor that is not in the list is refused, so a cursor of another provider cannot pass unnoticed.
 */
export const page = (
  query: URLSearchParams,
  items: readonly JsonObject[],
  byDefault: 'asc' | 'desc' = 'desc',
  most = 100,
): JsonObject => {
  const limit = limitOf(query.get('limit'), most)
  const order = query.get('order') ?? byDefault
  const sorted = order === 'asc' ? items : items.toReversed()
  const after = query.get('after')
  const before = query.get('before')
  const start = after === null ? 0 : indexOf(sorted, after, 'after') + 1
  const end = before === null ? sorted.length : indexOf(sorted, before, 'before')
  const data = sorted.slice(start, Math.min(end, start + limit))
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < end,
  }
}

const limitOf = (given: string | null, most: number): number => {
  if (given === null) return most > 100 ? most : 20
  const limit = Number(given)
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw refuse(400, `Invalid 'limit': integer between 1 and ${most} expected.`, {
      param: 'limit',
      code: 'invalid_value',
    })
  }
  return limit
}

const indexOf = (items: readonly JsonObject[], id: string, name: string): number => {
  const index = items.findIndex(item => item.id === id)
  if (index < 0) throw refuse(400, `No item with id '${id}' found.`, { param: name, code: 'invalid_value' })
  return index
}
