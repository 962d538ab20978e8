import { z } from 'zod'

/**
 * What the Open Responses specification (2026-04-24) wants of a response, its items and its events: which members are
 * there, of what type, and which may be null. Written from the specification, so that a whole answer and every event of
 * a stream can be held against it. Members it does not name are allowed.
 */

const index = z.number().int().min(0)
const id = z.string().min(1)
const nullable = <Type extends z.ZodType>(type: Type) => type.nullable()

const Logprob = z.looseObject({ token: z.string(), logprob: z.number() })
const OutputText = z.looseObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.looseObject({ type: z.string() })),
  logprobs: z.array(Logprob),
})
const Refusal = z.looseObject({ type: z.literal('refusal'), refusal: z.string() })
const SummaryText = z.looseObject({ type: z.literal('summary_text'), text: z.string() })
const Part = z.discriminatedUnion('type', [OutputText, Refusal])

const status = z.enum(['in_progress', 'completed', 'incomplete'])
const Message = z.looseObject({
  type: z.literal('message'),
  id,
  status,
  role: z.literal('assistant'),
  content: z.array(Part),
})
const FunctionCall = z.looseObject({
  type: z.literal('function_call'),
  id,
  call_id: z.string().min(1).max(64),
  name: z.string().min(1),
  arguments: z.string(),
  status,
})
const Reasoning = z.looseObject({ type: z.literal('reasoning'), id, summary: z.array(SummaryText) })
const Item = z.discriminatedUnion('type', [Message, FunctionCall, Reasoning])

const Tool = z.looseObject({
  type: z.literal('function'),
  name: z.string(),
  description: nullable(z.string()),
  parameters: nullable(z.looseObject({})),
  strict: nullable(z.boolean()),
})

const Usage = z.looseObject({
  input_tokens: index,
  output_tokens: index,
  total_tokens: index,
  input_tokens_details: z.looseObject({ cached_tokens: index }),
  output_tokens_details: z.looseObject({ reasoning_tokens: index }),
})

export const ResponseObject = z.looseObject({
  id,
  object: z.literal('response'),
  created_at: index,
  completed_at: nullable(index),
  status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  incomplete_details: nullable(z.looseObject({ reason: z.string() })),
  model: z.string().min(1),
  previous_response_id: nullable(z.string()),
  instructions: nullable(z.string()),
  output: z.array(Item),
  error: nullable(z.looseObject({ code: z.string(), message: z.string() })),
  tools: z.array(Tool),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.string() })]),
  truncation: z.enum(['auto', 'disabled']),
  parallel_tool_calls: z.boolean(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }) }),
  top_p: z.number(),
  temperature: z.number(),
  top_logprobs: index,
  reasoning: nullable(z.looseObject({ effort: nullable(z.string()), summary: nullable(z.string()) })),
  usage: nullable(Usage),
  max_output_tokens: nullable(z.number()),
  max_tool_calls: nullable(z.number()),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.looseObject({}),
  safety_identifier: nullable(z.string()),
  prompt_cache_key: nullable(z.string()),
})

const inItem = { item_id: id, output_index: index }
const inPart = { ...inItem, content_index: index }
const inSummary = { ...inItem, summary_index: index }

/** Members of every event, by its type. */
const MEMBERS: Readonly<Record<string, z.ZodRawShape>> = {
  'response.created': { response: ResponseObject },
  'response.queued': { response: ResponseObject },
  'response.in_progress': { response: ResponseObject },
  'response.completed': { response: ResponseObject },
  'response.incomplete': { response: ResponseObject },
  'response.failed': { response: ResponseObject },
  'response.output_item.added': { output_index: index, item: Item },
  'response.output_item.done': { output_index: index, item: Item },
  'response.content_part.added': { ...inPart, part: Part },
  'response.content_part.done': { ...inPart, part: Part },
  'response.output_text.delta': { ...inPart, delta: z.string(), logprobs: z.array(Logprob) },
  'response.output_text.done': { ...inPart, text: z.string(), logprobs: z.array(Logprob) },
  'response.output_text.annotation.added': {
    ...inPart,
    annotation_index: index,
    annotation: z.looseObject({ type: z.string() }),
  },
  'response.refusal.delta': { ...inPart, delta: z.string() },
  'response.refusal.done': { ...inPart, refusal: z.string() },
  'response.function_call_arguments.delta': { ...inItem, delta: z.string() },
  'response.function_call_arguments.done': { ...inItem, arguments: z.string() },
  'response.reasoning_summary_part.added': { ...inSummary, part: SummaryText },
  'response.reasoning_summary_part.done': { ...inSummary, part: SummaryText },
  'response.reasoning_summary_text.delta': { ...inSummary, delta: z.string() },
  'response.reasoning_summary_text.done': { ...inSummary, text: z.string() },
}

/** Throws for an event that the specification does not have, or has otherwise. */
export const checkEvent = (event: { readonly [key: string]: unknown }): void => {
  const members = MEMBERS[String(event.type)]
  if (members === undefined) throw new Error(`there is no event ${String(event.type)}`)
  z.looseObject({ type: z.string(), sequence_number: index, ...members }).parse(event)
}

/** What the specification wants besides, and OpenAI itself does not send. */
export const EmulatedResponse = ResponseObject.extend({
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
})
