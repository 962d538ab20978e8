import { AssertionError } from 'node:assert/strict'
import { checkGrammar } from '../../../../src/dialects/responses-grammar.fixture.ts'
import type { JsonObject } from '../../../../src/wire/json.ts'
import { ResponseObject } from '../../../open-responses.schema.ts'
import { Complaints, checkUsage, isText, listOf, objectOf, type Reading, type Told } from './grammar.ts'

/** Responses and compactions, by OpenAI's published grammar and the Open Responses specification. */

const USAGE = ['input_tokens', 'output_tokens', 'total_tokens'] as const

const isCompaction = ({ type }: JsonObject): boolean => type === 'compaction'

const checkCompaction = (items: readonly JsonObject[], found: Complaints): void => {
  const made = items.filter(isCompaction)
  found.must(made.length === 1, `${made.length} compactions`)
  for (const { id, encrypted_content: sealed } of made)
    found.must(isText(id) && isText(sealed), 'a compaction without id or content')
}

/** A response; `compacts`: it holds a compaction and nothing else. */
export const responseDocument = (body: JsonObject, compacts: boolean): readonly string[] => {
  const found = new Complaints()
  const items = listOf(body.output)
  if (compacts) {
    checkCompaction(items, found)
    found.must(items.every(isCompaction), 'something is said beside the compaction')
  }
  // The specification knows no compactions.
  const checked = ResponseObject.safeParse(compacts ? { ...body, output: [] } : body)
  for (const { path, message } of checked.error?.issues ?? [])
    found.must(false, `${path.join('.')}: ${message}`)
  found.must(body.status === 'completed', `status ${body.status}`)
  found.must(items.length > 0, 'no item')
  checkUsage(objectOf(body.usage), USAGE, found)
  return found.all
}

/** `POST /responses/compact`. */
export const compactionDocument = (body: JsonObject): readonly string[] => {
  const found = new Complaints()
  found.must(body.object === 'response.compaction', `object ${JSON.stringify(body.object)}`)
  found.must(isText(body.id), 'the compaction has no id')
  found.must(typeof body.created_at === 'number', 'created_at is no time')
  const items = listOf(body.output)
  checkCompaction(items, found)
  const last = items.at(-1)
  found.must(last !== undefined && isCompaction(last), 'the compaction is not the last item')
  for (const item of items.filter(one => !isCompaction(one)))
    found.must(item.type === 'message' && item.role === 'user', 'more is kept than what the user said')
  checkUsage(objectOf(body.usage), USAGE, found)
  return found.all
}

const broken = (events: readonly JsonObject[]): readonly string[] => {
  try {
    checkGrammar(events)
    return []
  } catch (error) {
    if (error instanceof AssertionError) return [error.message.split('\n', 1)[0] ?? 'the order of events']
    throw error
  }
}

export const responsesStream = (events: readonly Told[], compacts: boolean): Reading => {
  const found = new Complaints()
  for (const { event, data } of events)
    found.must(event === data.type, `the event ${event} holds ${data.type}`)
  const last = events.at(-1)?.data ?? {}
  if (!/^response\.(?:completed|incomplete|failed)$/.test(String(last.type)))
    return { ending: 'cut', complaints: found.all }
  const response = objectOf(last.response)
  const order = broken(events.map(({ data }) => data))
  if (response.status === 'failed') {
    const { code, message } = objectOf(response.error)
    found.must(isText(code) && isText(message), 'the error is not in the dialect')
    return { ending: 'error', complaints: [...found.all, ...order] }
  }
  return { ending: 'whole', complaints: [...found.all, ...order, ...responseDocument(response, compacts)] }
}
