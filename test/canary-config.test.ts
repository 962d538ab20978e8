import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyRow } from '../src/config/keys/row.ts'
import { KEYS, type SectionName } from '../src/config/keys.ts'
import { serve } from '../src/listen/serve.ts'
import { ROUTES } from '../src/routes.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { type Aviary, openAviary } from './support/canaries.ts'
import { assertNoCanary, assertNothingRefused } from './support/canary.ts'
import { tongueOf } from './support/cast.ts'
import { deployment, play, replyOf } from './support/harness.ts'
import { modelOf, requestFor } from './support/requests.ts'

/** Settings that choose who serves or what is sent, so that this test sets them itself or not at all. */
const LEFT_OUT = new Set([
  'master_key',
  'litellm_key_header_name',
  'completion_model',
  'pass_through_endpoints',
  'public_routes',
  'max_in_flight_requests_per_worker',
  'fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
  'default_fallbacks',
  'model_group_alias',
  'default_litellm_params',
  'optional_pre_call_checks',
  'routing_strategy',
  'use_chat_completions_api',
  'route_all_chat_openai_to_responses',
])

/** A value for one key of the file: a flag turned over, a default written out, a canary where anything will do. */
const valueFor = ({ key, status, initial, provider }: KeyRow, { hide }: Aviary): Json | undefined => {
  if (LEFT_OUT.has(key) || status === 'refused') return undefined
  if (typeof initial === 'boolean') return !initial
  if (typeof initial === 'number') return initial
  if (status === 'later' || provider === true) return hide(`the setting ${key}`)
  return undefined
}

const sectionOf = (name: SectionName, aviary: Aviary): JsonObject => {
  const section: Record<string, Json> = {}
  for (const row of KEYS[name] as readonly KeyRow[]) {
    const value = valueFor(row, aviary)
    if (value !== undefined) section[row.key] = value
  }
  return section
}

/** litellm_params that are the gateway's own. */
const ownParams = ({ hide }: Aviary, tag: string): JsonObject => ({
  tpm: 1_000_000,
  rpm: 10_000,
  order: 1,
  weight: 1,
  max_parallel_requests: 100,
  timeout: 60,
  request_timeout: 60,
  stream_timeout: 60,
  num_retries: 1,
  cooldown_time: 1,
  drop_params: true,
  additional_drop_params: [hide('additional_drop_params')],
  allowed_openai_params: [hide('allowed_openai_params')],
  region_name: hide('region_name'),
  tags: [tag],
  tag_regex: [hide('tag_regex')],
  input_cost_per_token: 0.001,
  output_cost_per_token: 0.002,
})

const infoFor = ({ hide }: Aviary): JsonObject => ({
  ...Object.fromEntries(
    [
      'id',
      'tier',
      'description',
      'created_at',
      'created_by',
      'updated_at',
      'updated_by',
      'team_id',
      'anything',
    ].map(key => [key, hide(`model_info.${key}`)]),
  ),
  access_groups: [hide('an access group')],
  max_input_tokens: 100_000,
  allowed_fails: 100,
})

type Place = { readonly stage: Stage; readonly aviary: Aviary; readonly tag: string }

const entryFor = (model: string, { stage, aviary, tag }: Place): JsonObject => ({
  ...deployment(aviary.hide(`the group of ${model}`, 'group/'), stage, model, {
    ...sectionOf('litellm_params', aviary),
    ...ownParams(aviary, tag),
  }),
  model_info: infoFor(aviary),
})

const topKeys = (body: Json): readonly string[] => (isObject(body) ? Object.keys(body) : [])

test('M-004 whatever the file sets, no setting becomes part of a request', async t => {
  const aviary = openAviary()
  const models = [...new Map(ROUTES.map(route => [modelOf(route), tongueOf(route)] as const))]
  const groups = new Map<string, string>()
  const key = aviary.hide('the master key', 'sk-')
  const tag = aviary.hide('a tag that routes')
  const gateway = await play(t, {
    stages: {
      openai: {},
      anthropic: { flavour: 'anthropic' as const, models: ['*'] },
      gemini: { flavour: 'gemini' as const, models: ['*'] },
    },
    env: { LITELLM_MASTER_KEY: key },
    config: stages => {
      const entries = models.map(([model, tongue]) => entryFor(model, { stage: stages[tongue], aviary, tag }))
      for (const [at, entry] of entries.entries()) groups.set(models[at]?.[0] ?? '', String(entry.model_name))
      return {
        model_list: entries,
        router_settings: sectionOf('router_settings', aviary),
        litellm_settings: sectionOf('litellm_settings', aviary),
        general_settings: { ...sectionOf('general_settings', aviary), litellm_key_header_name: 'X-Caller' },
      }
    },
    start: options => serve({ ...options, dice: { random: () => 0 } }),
  })
  const names = new Set(Object.values(KEYS).flatMap(rows => rows.map(row => row.key)))
  for (const route of ROUTES.filter(one => one.crossing !== 'never')) {
    await t.test(route.name, async () => {
      const tongue = tongueOf(route)
      const lead = gateway.stages[tongue]
      lead.clear()
      const request = requestFor(route, { group: groups.get(modelOf(route)) ?? '' })
      const client = await gateway.send({
        ...request,
        headers: [
          ['x-caller', key],
          ['x-trace', '1'],
          ['openai-organization', 'org-of-the-client'],
          ['cookie', aviary.hide('a cookie')],
          ['x-litellm-tags', tag],
          ['x-forwarded-for', aviary.hide('the address of the client')],
          ...request.headers,
        ],
      })
      const reply = await replyOf(client)
      assert.equal(reply.status, 200, reply.text)
      assertNothingRefused(lead.requests)
      assertNoCanary(lead.requests, aviary.all)
      const [hit] = lead.requests
      assert.equal(hit?.header('x-trace'), '1', 'forward_client_headers_to_llm_api is on')
      const organization = tongue === 'openai' ? 'org-of-the-client' : undefined
      assert.equal(hit?.header('openai-organization'), organization, 'forward_openai_org_id is on')
      if (route.body !== 'json') return
      const sent = topKeys(JSON.parse(request.body?.toString() ?? '{}'))
      const arrived = topKeys(hit?.json ?? {})
      assert.deepEqual(arrived, sent)
      for (const name of arrived)
        assert.ok(sent.includes(name) || !names.has(name), `the setting ${name} is in the body`)
    })
  }
})
