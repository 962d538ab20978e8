import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { chat, steady } from './support/steady.ts'
import {
  bearers,
  entra,
  gate,
  startChatProvider,
  startTokenService,
  type TokenService,
} from './support/token-service.ts'

/** Entra ID over real sockets: who asks for tokens, when, and what a call carries meanwhile. */

const SECRET = 'client-secret-canary-4711'

const MINUTE = 60_000

const params = (provider: TokenService, more: JsonObject = {}): JsonObject => ({
  model: 'azure/gpt',
  api_base: provider.origin,
  api_version: 'v1',
  tenant_id: 'the-tenant',
  client_id: 'the-client',
  client_secret: SECRET,
  ...more,
})

type Cast = {
  readonly provider: TokenService
  readonly sign: TokenService
  readonly clock: ReturnType<typeof steady>
}

const stage = async (
  t: TestContext,
  more: JsonObject = {},
): Promise<Cast & { readonly gateway: Play<Record<never, never>> }> => {
  const [provider, sign, clock] = [await startChatProvider(t), await entra(t), steady()]
  const gateway = await play(t, {
    config: { model_list: [{ model_name: 'star', litellm_params: params(provider, more) }] },
    env: { AZURE_AUTHORITY_HOST: sign.origin },
    start: clock.start,
  })
  return { provider, sign, clock, gateway }
}

const ask = (gateway: Play<Record<never, never>>, more: JsonObject = {}) =>
  gateway.ask('/v1/chat/completions', chat('star', more))

test('a client secret becomes a token at the start, and every call carries it', async t => {
  const { gateway, provider, sign } = await stage(t)
  await sign.reached(1)
  for (let each = 0; each < 3; each++) assert.equal((await ask(gateway)).status, 200)
  assert.deepEqual(bearers(provider), Array(3).fill('Bearer entra-token-1'))
  assert.deepEqual(
    sign.calls.map(({ method, target, form }) => ({ method, target, form })),
    [
      {
        method: 'POST',
        target: '/the-tenant/oauth2/v2.0/token',
        form: {
          client_id: 'the-client',
          client_secret: SECRET,
          grant_type: 'client_credentials',
          scope: 'https://cognitiveservices.azure.com/.default',
        },
      },
    ],
  )
})

test('a hundred first calls wait for one and the same token', async t => {
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  const held = gate()
  sign.answer(async () => {
    await held.passed
    return { body: { access_token: 'the-first', expires_in: '3600' } }
  })
  const gateway = await play(t, {
    config: { model_list: [{ model_name: 'star', litellm_params: params(provider) }] },
    env: { AZURE_AUTHORITY_HOST: sign.origin },
  })
  const asked = Array.from({ length: 100 }, () => ask(gateway))
  await sign.reached(1)
  assert.equal(provider.calls.length, 0)
  held.open()
  for (const reply of await Promise.all(asked)) assert.equal(reply.status, 200)
  assert.equal(sign.calls.length, 1)
  assert.deepEqual(new Set(bearers(provider)), new Set(['Bearer the-first']))
})

test('a renewal is ahead of the end, and no call waits for it', async t => {
  const { gateway, provider, sign, clock } = await stage(t)
  assert.equal((await ask(gateway)).status, 200)
  const held = gate()
  sign.answer(async () => {
    await held.passed
    return { body: { access_token: 'renewed', expires_in: 3600 } }
  })
  clock.pass(50 * MINUTE)
  // The service does not answer: were anybody to wait for it, these calls would not come back.
  for (let each = 0; each < 5; each++) assert.equal((await ask(gateway)).status, 200)
  await sign.reached(2)
  assert.deepEqual(bearers(provider), Array(6).fill('Bearer entra-token-1'))
  held.open()
  const deadline = performance.now() + 5000
  do assert.equal((await ask(gateway)).status, 200)
  while (bearers(provider).at(-1) !== 'Bearer renewed' && performance.now() < deadline)
  assert.equal(bearers(provider).at(-1), 'Bearer renewed')
  assert.equal(sign.calls.length, 2)
})

test('while the service is down the old token is used until it expires; then the failure is the credential’s', async t => {
  const { gateway, provider, sign, clock } = await stage(t)
  assert.equal((await ask(gateway)).status, 200)
  sign.answer(() => ({ status: 503, body: { error: 'temporarily_unavailable', error_description: 'down' } }))
  clock.pass(55 * MINUTE)
  assert.equal((await ask(gateway)).status, 200)
  assert.equal((await ask(gateway)).status, 200)
  await sign.reached(2)
  clock.pass(5 * MINUTE)
  const reply = await ask(gateway)
  assert.equal(reply.status, 401)
  const { message } = reply.json().error as { readonly message: string }
  assert.match(
    message,
    /^litellm\.AuthenticationError: .*the Entra ID token could not be fetched \(503 temporarily_unavailable\): check tenant_id, client_id and client_secret/,
  )
  assert.equal(provider.calls.length, 3)
})

test('a wrong secret is said with its number and the mend, and nowhere is the secret told', async t => {
  const watching = inside()
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  sign.answer(call => ({
    status: 401,
    body: {
      error: 'invalid_client',
      error_description: `AADSTS7000215: Invalid client secret provided: ${call.form.client_secret}`,
    },
  }))
  const gateway = await play(t, {
    config: { model_list: [{ model_name: 'star', litellm_params: params(provider) }] },
    env: { AZURE_AUTHORITY_HOST: sign.origin },
    start: options => watching.start({ ...options, level: 'silent' }),
  })
  const reply = await ask(gateway)
  assert.equal(reply.status, 401)
  assert.match(reply.text, /\(401 invalid_client AADSTS7000215\)/)
  const [record] = await watching.recorded(1)
  assert.equal(record?.steps.at(0)?.outcome, 'credential')
  for (const text of [reply.text, JSON.stringify(reply.headers), JSON.stringify(record)])
    assert.doesNotMatch(text, new RegExp(SECRET))
  assert.equal(provider.calls.length, 0)
})

test('a sibling serves while there is no token, and the deployment comes back as soon as there is one', async t => {
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  sign.answer(() => ({ status: 500, body: 'oops' }))
  const gateway = await play(t, {
    stages: { twin: {} },
    config: ({ twin }) => ({
      model_list: [
        { model_name: 'star', litellm_params: params(provider, { weight: 1000 }) },
        deployment('star', twin, 'gpt-4.1-mini', { weight: 0.001 }),
      ],
      router_settings: { num_retries: 2 },
    }),
    env: { AZURE_AUTHORITY_HOST: sign.origin },
  })
  for (let each = 0; each < 3; each++)
    assert.equal((await gateway.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.equal(provider.calls.length, 0)
  sign.answer(() => ({ body: { access_token: 'at-last', expires_in: 3600 } }))
  const deadline = performance.now() + 20_000
  while (provider.calls.length === 0 && performance.now() < deadline)
    assert.equal((await gateway.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.equal(bearers(provider)[0], 'Bearer at-last')
})

test('nobody waits longer for a first token than for a connection', async t => {
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  sign.answer(() => new Promise(() => {}))
  const gateway = await play(t, {
    config: {
      model_list: [{ model_name: 'star', litellm_params: params(provider, { connect_timeout: 0.2 }) }],
      router_settings: { num_retries: 0 },
    },
    env: { AZURE_AUTHORITY_HOST: sign.origin },
  })
  const reply = await ask(gateway)
  assert.equal(reply.status, 408)
  assert.equal(provider.calls.length, 0)
})

test('deployments with one sign-in share one token; a reload keeps it, and a changed secret fetches anew', async t => {
  const watching = inside()
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  const configOf = (secret: string) => ({
    model_list: ['star', 'second', 'third'].map(name => ({
      model_name: name,
      litellm_params: params(provider, { client_secret: secret }),
    })),
  })
  const gateway = await play(t, {
    config: configOf(SECRET),
    env: { AZURE_AUTHORITY_HOST: sign.origin },
    start: watching.start,
  })
  for (const name of ['star', 'second', 'third'])
    assert.equal((await gateway.ask('/v1/chat/completions', chat(name))).status, 200)
  assert.equal(sign.calls.length, 1)
  await writeFile(gateway.configPath, `${JSON.stringify(configOf(SECRET))}\n# another comment\n`)
  await watching.served().reload()
  assert.equal((await ask(gateway)).status, 200)
  assert.equal(sign.calls.length, 1)
  await writeFile(gateway.configPath, JSON.stringify(configOf('another-secret-9')))
  await watching.served().reload()
  assert.equal((await ask(gateway)).status, 200)
  assert.equal(bearers(provider).at(-1), 'Bearer entra-token-2')
  assert.equal(sign.calls.length, 2)
  assert.equal(sign.calls[1]?.form.client_secret, 'another-secret-9')
})

test('a provider that refuses the token is asked with another one next time', async t => {
  const { gateway, provider, sign, clock } = await stage(t, { cooldown_time: 0 })
  assert.equal((await ask(gateway)).status, 200)
  const answer = { error: { code: '401', message: 'Access token is revoked: entra-token-1' } }
  provider.answer(() => ({ status: 401, body: answer }))
  clock.pass(MINUTE)
  const refused = await ask(gateway)
  assert.equal(refused.status, 401)
  assert.doesNotMatch(refused.text, /entra-token/)
  await sign.reached(2)
  const deadline = performance.now() + 5000
  do await ask(gateway)
  while (bearers(provider).at(-1) !== 'Bearer entra-token-2' && performance.now() < deadline)
  assert.equal(bearers(provider).at(-1), 'Bearer entra-token-2')
})

test('a client cannot say where tokens come from, nor bring one', async t => {
  const { gateway, provider, sign } = await stage(t)
  const stranger = await startTokenService(t, () => ({ body: { access_token: 'strange', expires_in: 9 } }))
  await ask(gateway, {
    azure_ad_token: 'strange',
    tenant_id: '../strange',
    client_secret: 'strange',
    azure_scope: stranger.origin,
    api_base: stranger.origin,
    extra_headers: { authorization: 'Bearer strange' },
  })
  await gateway.ask('/v1/chat/completions', chat('star'), {
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['x-azure-authority-host', stranger.origin],
    ],
  })
  assert.equal(stranger.calls.length, 0)
  assert.equal(sign.calls.length, 1)
  assert.ok(bearers(provider).every(one => one === 'Bearer entra-token-1'))
})

test('a look at the health of a deployment signs in like any call, and says what it lacks', async t => {
  const { gateway, provider, sign } = await stage(t)
  const healthy = await gateway.ask('/health', undefined, { method: 'GET' })
  assert.equal(healthy.json().healthy_count, 1, healthy.text)
  assert.deepEqual(bearers(provider), ['Bearer entra-token-1'])
  const [other, lost] = [await startChatProvider(t), await entra(t)]
  lost.answer(() => ({ status: 400, body: { error: 'unauthorized_client' } }))
  const broken = await play(t, {
    config: { model_list: [{ model_name: 'star', litellm_params: params(other) }] },
    env: { AZURE_AUTHORITY_HOST: lost.origin },
  })
  const unhealthy = await broken.ask('/health', undefined, { method: 'GET' })
  assert.match(unhealthy.text, /could not be fetched \(400 unauthorized_client\): check tenant_id/)
  assert.equal(other.calls.length + sign.calls.length, 1)
})

test('the token stays with its own deployment', async t => {
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  provider.answer(() => ({ status: 500, body: { error: { message: 'out' } } }))
  const gateway = await play(t, {
    stages: { backup: {} },
    config: ({ backup }) => ({
      model_list: [
        { model_name: 'star', litellm_params: params(provider) },
        deployment('understudy', backup, 'gpt-4.1-mini'),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['understudy'] }] },
    }),
    env: { AZURE_AUTHORITY_HOST: sign.origin },
  })
  const reply = await ask(gateway)
  assert.equal(reply.status, 200)
  assert.equal(provider.calls.length, 1)
  const [hit] = gateway.stages.backup.requests
  assert.ok(hit)
  const seen = JSON.stringify(hit.headers) + Buffer.from(hit.body).toString()
  for (const secret of ['entra-token', SECRET, 'the-client']) assert.ok(!seen.includes(secret), secret)
  for (const secret of ['entra-token', SECRET])
    assert.ok(!(JSON.stringify(reply.headers) + reply.text).includes(secret), secret)
})
