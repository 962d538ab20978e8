import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, lines, loadText, models } from '../load.fixture.ts'

const LIST = models('a')
const redis = async (settings: string, env: Record<string, string> = {}) => {
  const { redis: found } = await accepted(`${LIST}${settings}\n`, { env })
  return found && { ...found, password: found.password?.reveal() }
}
const said = async (settings: string, env: Record<string, string> = {}) =>
  lines((await loadText(`${LIST}${settings}\n`, { env })).notices).join('\n')

const PLAIN = {
  host: 'h',
  port: 6379,
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
  namespace: 'understudy',
}

test('without a key of Redis there is none, whatever the environment holds; a variable that was meant is named', async () => {
  assert.equal(await redis(''), undefined)
  const env = { REDIS_HOST: 'h', REDIS_PORT: '1', REDIS_PASSWORD: 'horse' }
  assert.equal(await redis('', env), undefined)
  assert.match(
    await said('', env),
    /later \| - \| REDIS_HOST \| .*the file asks for no Redis.*os\.environ\/REDIS_HOST/,
  )
  assert.doesNotMatch(await said('', env), /horse/)
})

test("the router's keys, and what the environment adds to them", async () => {
  assert.deepEqual(await redis('router_settings: {redis_host: h}'), PLAIN)
  const all =
    'router_settings: {redis_host: h, redis_port: "7000", redis_password: 12345, redis_db: 2, redis_ssl: true, redis_namespace: n, cache_kwargs: {username: u}}'
  assert.deepEqual(await redis(all, { REDIS_PORT: '1', REDIS_PASSWORD: 'other', REDIS_USERNAME: 'other' }), {
    host: 'h',
    port: 7000,
    tls: true,
    username: 'u',
    password: '12345',
    database: 2,
    namespace: 'n',
  })
  const env = { REDIS_HOST: 'other', REDIS_PASSWORD: 'p', REDIS_SSL: 'True', REDIS_URL: 'redis://other' }
  assert.deepEqual(await redis('router_settings: {redis_host: h}', env), {
    ...PLAIN,
    password: 'p',
    tls: true,
  })
  assert.deepEqual(await redis('router_settings: {redis_port: 7000}', { REDIS_HOST: 'h' }), {
    ...PLAIN,
    port: 7000,
  })
})

test('an address stands for itself: user, password, database and TLS are its own', async () => {
  const url = (text: string, env = {}) =>
    redis(`router_settings: {redis_url: "${text}", redis_host: other, redis_port: 1}`, env)
  assert.deepEqual(await url('redis://h', { REDIS_PASSWORD: 'other' }), PLAIN)
  assert.deepEqual(await url('rediss://u:p%40ss@h:7000/3'), {
    ...PLAIN,
    port: 7000,
    tls: true,
    username: 'u',
    password: 'p@ss',
    database: 3,
  })
  assert.deepEqual(await url('valkeys://:p@[::1]:7000'), {
    ...PLAIN,
    host: '::1',
    port: 7000,
    tls: true,
    password: 'p',
  })
  assert.deepEqual(
    await redis('router_settings: {redis_url: os.environ/REDIS_URL}', { REDIS_URL: 'redis://h' }),
    PLAIN,
  )
})

test("the cache's server is used when the cache is on, of type redis, and the router has none", async () => {
  const params = 'cache_params: {type: redis, host: h, namespace: n}'
  assert.deepEqual(await redis(`litellm_settings: {cache: true, ${params}}`), { ...PLAIN, namespace: 'n' })
  assert.equal(await redis(`litellm_settings: {${params}}`), undefined)
  assert.equal(await redis('litellm_settings: {cache: true, cache_params: {type: local}}'), undefined)
  assert.equal(await redis('litellm_settings: {cache: true}'), undefined)
  assert.deepEqual(await redis('litellm_settings: {cache: true}', { REDIS_URL: 'redis://h' }), PLAIN)
  const both = `router_settings: {redis_host: h}\nlitellm_settings: {cache: true, cache_params: {host: other}}`
  assert.deepEqual(await redis(both), PLAIN)
})

test('the report says what is shared and what is not, and holds no password', async () => {
  const text = await said('router_settings: {redis_url: "redis://:horse@h"}')
  assert.match(
    text,
    /^differs \| config.yaml:\d+:\d+ \| router_settings.redis_url \| .*rpm and tpm windows.* still per instance/,
  )
  assert.doesNotMatch(text, /horse/)
})

test('what cannot be an address is an error at its place that does not repeat it', async () => {
  for (const [settings, expected] of [
    ['redis_url: "http://:horse@h"', 'redis_url | the address of Redis must be redis://'],
    ['redis_url: "horse"', 'redis_url | the address of Redis must be redis://'],
    ['redis_url: "redis://:horse@h/x"', 'redis_url | the address of Redis must be redis://'],
    ['redis_host: h, redis_port: 0', 'redis_port | must be a port number'],
    ['redis_host: h, redis_port: 65536', 'redis_port | must be a port number'],
    ['redis_host: h, cache_kwargs: [horse]', 'cache_kwargs | must be a map'],
  ] as const) {
    const text = await said(`router_settings: {${settings}}`)
    assert.match(text, /^error/m)
    assert.ok(text.includes(expected), text)
    assert.doesNotMatch(text, /horse/)
  }
  assert.match(
    await said('router_settings: {redis_host: h}', { REDIS_PORT: 'x' }),
    /error \| - \| REDIS_PORT/,
  )
  assert.match(await said('router_settings: {redis_port: 1}'), /warning .*no host is named/)
})

test('a port that Kubernetes sets beside a service called redis is no port', async () => {
  const env = { REDIS_PORT: 'tcp://10.0.0.1:6379' }
  assert.deepEqual(await redis('router_settings: {redis_host: h}', env), PLAIN)
  assert.match(await said('router_settings: {redis_host: h}', env), /warning \| - \| REDIS_PORT/)
})
