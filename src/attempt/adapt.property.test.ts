import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Config, Deployment } from '../config/config.ts'
import { accepted } from '../config/load.fixture.ts'
import { PARAMETERS } from '../dialects/openai-parameters.ts'
import { providers } from '../providers/index.ts'
import { Unsupported } from '../providers/provider.ts'
import { controlEdits } from '../read/controls.ts'
import { ROUTES, type Route } from '../routes.ts'
import type { Lesson } from '../shared/lessons.ts'
import { type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject, valueAt } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { adapt, type Hop, type Parcel } from './adapt.ts'
import { amended } from './amend.ts'
import type { Job } from './once.ts'

/**
 * For every route, every kind of provider and any set of rules: what goes out has no key but the client's and those
 * that a named edit has set, and lacks none but those that a named edit has taken.
 */

const KINDS = ['openai', 'azure', 'azure_ai', 'groq', 'mistral', 'hosted_vllm', 'openrouter'] as const
/** Clients of the other dialects are translated for every one of these providers. */
const JSON_ROUTES = ROUTES.filter(
  route =>
    route.body === 'json' && route.crossing !== 'never' && PARAMETERS[`POST ${route.upstream}`] !== undefined,
)

const load = (rules: JsonObject): Promise<Config> =>
  accepted(
    JSON.stringify({
      model_list: KINDS.map(kind => ({
        model_name: kind,
        litellm_params: {
          model: `${kind}/m`,
          api_base: `https://${kind}.test/openai/v1`,
          api_key: 'k',
          ...rules,
        },
      })),
    }),
    { providers: Object.values(providers) },
  )

const RULES: readonly JsonObject[] = [
  {},
  { temperature: 0.5, max_tokens: 7, tools: [{ type: 'function', function: { name: 'own' } }] },
  { additional_drop_params: ['user', 'metadata.a', 'input[*].status'], drop_params: true },
  { extra_body: { top_k: 4, reasoning: { effort: 'low' } }, allowed_openai_params: ['client_metadata'] },
]

/** Names that some rule, provider or route has something to say about, and names that nobody knows. */
const NAMES = [
  ...['model', 'input', 'messages', 'user', 'metadata', 'client_metadata', 'access_programs', 'multi_agent'],
  ...[
    'fallbacks',
    'num_retries',
    'tags',
    'stream',
    'stream_options',
    'seed',
    'max_completion_tokens',
    'logprobs',
  ],
  ...['temperature', 'tools', 'text', 'reasoning', 'service_tier', 'novelty', '__proto__', 'a'],
]
const ITEM_NAMES = [
  'type',
  'role',
  'content',
  'metadata',
  'internal_chat_message_metadata_passthrough',
  'status',
  'id',
]

const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>
const dictionary = (names: readonly string[], values: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> =>
  fc.dictionary(fc.constantFrom(...names), values, { maxKeys: 8, noNullPrototype: true })
const item = fc.oneof(
  dictionary(ITEM_NAMES, value),
  dictionary(ITEM_NAMES, value).map(one => ({ ...one, type: 'reasoning', encrypted_content: 'gAAA==' })),
)
const body = fc
  .tuple(dictionary(NAMES, value), fc.option(fc.array(item, { maxLength: 4 }), { nil: undefined }))
  .map(
    ([rest, input]): JsonObject => ({ ...rest, model: 'group', ...(input === undefined ? {} : { input }) }),
  )

const lesson: fc.Arbitrary<Lesson> = fc.oneof(
  fc.constantFrom<Lesson>(
    { kind: 'item-ids', type: 'reasoning' },
    { kind: 'item-ids', type: 'message' },
    { kind: 'without', path: ['input', '*', 'status'], value: undefined },
    { kind: 'without', path: ['text', 'verbosity'], value: undefined },
  ),
  fc.constantFrom(...NAMES).map((name): Lesson => ({ kind: 'without', path: [name], value: undefined })),
)

/** Every key of the value by its place, list indexes as '*'. */
const placesIn = (found: Json, at: readonly string[] = []): readonly string[] => {
  if (Array.isArray(found)) return found.flatMap((one: Json) => placesIn(one, [...at, '*']))
  if (!isObject(found)) return []
  return Object.entries(found).flatMap(([key, inner]) => [
    [...at, key].join('\n'),
    ...placesIn(inner, [...at, key]),
  ])
}

const covers = (edit: Edit, place: string): boolean => {
  const keys = place.split('\n')
  // A list that loses an element is another list from there on.
  const path = edit.path.map(key => (/^\d+$/.test(key) ? '*' : key))
  return path.every((key, at) => keys[at] === undefined || key === keys[at])
}

const parcelOf = (route: Route, client: JsonObject, more: Partial<Parcel>): Parcel => {
  const bytes = Buffer.from(JSON.stringify(client))
  const index = indexObject(bytes)
  const peek = (key: string): Json | undefined => valueAt(index, key)
  return {
    route,
    method: 'POST',
    params: { model: 'group' },
    query: '',
    body: { kind: 'json', bytes, index, contentType: 'application/json' },
    headers: [],
    stream: false,
    edits: controlEdits([...index.members.keys()], peek, route),
    dropParams: undefined,
    dropParamsOtherwise: true,
    additionalDropParams: [],
    allowedParams: [],
    askUsage: false,
    shadows: undefined,
    rehydrated: undefined,
    ...more,
  }
}

/** What the deployment would be sent; undefined: it cannot carry this. */
const sentBy = (parcel: Parcel, hop: Hop, lessons: readonly Lesson[], foreign: boolean) => {
  const origin = { deploymentId: undefined, boundary: undefined, refusedBy: [hop.deployment.boundary] }
  const job = {
    call: {
      ...parcel,
      asides: [],
      config: { router: { learning: { ttlMs: 1 } }, deployments: [{ boundary: 'a' }, { boundary: 'b' }] },
    },
    hop,
    amendments: undefined,
    house: {
      board: {
        lessons: { of: () => (lessons.length === 0 ? undefined : lessons) },
        origins: { of: () => (foreign ? origin : undefined), size: () => 1 },
      },
    },
  } as unknown as Job
  const asked = { ...parcel, model: hop.model, dropParams: true, compaction: undefined }
  try {
    // A translation tells what it loses in its own way.
    const translated = Object.keys(hop.deployment.connection.reading(asked)).length > 0
    if (translated) return undefined
    const { draft } = adapt(parcel, hop)
    // What the gateway answers itself is sent to nobody.
    return draft.local === undefined ? amended(job, draft) : undefined
  } catch (error) {
    assert.ok(error instanceof Unsupported, String(error))
    return undefined
  }
}

const assertDeclared = (client: JsonObject, wire: JsonObject, edits: readonly Edit[]): void => {
  const [given, got] = [new Set(placesIn(client)), new Set(placesIn(wire))]
  const told = edits.map(edit => `${edit.op} ${edit.path.join('.')}`).join(', ')
  for (const place of got)
    if (!given.has(place))
      assert.ok(
        edits.some(edit => edit.op !== 'drop' && covers(edit, place)),
        `${place.replaceAll('\n', '.')} is new, and the edits are: ${told}`,
      )
  for (const place of given)
    if (!got.has(place))
      assert.ok(
        edits.some(edit => covers(edit, place)),
        `${place.replaceAll('\n', '.')} is gone, and the edits are: ${told}`,
      )
}

const files = await Promise.all(RULES.map(load))
const deployments = files.flatMap(file => file.deployments)

const example = fc.record({
  route: fc.constantFrom(...JSON_ROUTES),
  deployment: fc.constantFrom(...deployments),
  client: body,
  overrides: fc.oneof(fc.constant({}), dictionary(NAMES, value)),
  lessons: fc.array(lesson, { maxLength: 3 }),
  foreign: fc.boolean(),
  stream: fc.boolean(),
  askUsage: fc.boolean(),
})

test('property: wire keys are the client’s and those that named edits declare, on every route under every rule', () => {
  let sent = 0
  fc.assert(
    fc.property(example, ({ route, deployment, client, overrides, lessons, foreign, stream, askUsage }) => {
      const hop: Hop = { deployment, model: deployment.upstreamModel, overrides }
      const draft = sentBy(parcelOf(route, client, { stream, askUsage }), hop, lessons, foreign)
      if (draft === undefined) return
      sent += 1
      const wire = JSON.parse(Buffer.from(joinSegments(draft.body)).toString()) as JsonObject
      assertDeclared(JSON.parse(JSON.stringify(client)), wire, draft.edits)
    }),
    { numRuns: 4000 },
  )
  assert.ok(sent > 2000, `${sent} were sent`)
})

test('property: without rules, lessons and seals a provider whose keys these are gets the client’s bytes and its own model', () => {
  const plain = deployments.find((one: Deployment) => one.provider.name === 'openai')
  assert.ok(plain)
  fc.assert(
    fc.property(fc.constantFrom(...JSON_ROUTES), body, (route, client) => {
      const parcel = parcelOf(route, client, { edits: [] })
      const draft = sentBy(parcel, { deployment: plain, model: 'm', overrides: {} }, [], false)
      const text = JSON.stringify(client)
      const expected = text.replace(/"model":"group"/, '"model":"m"')
      assert.equal(Buffer.from(joinSegments(draft?.body ?? [])).toString(), expected)
    }),
  )
})
