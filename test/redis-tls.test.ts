import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { temporaryDirectory } from './support/harness.ts'
import { served } from './support/process.ts'
import { needsRedis, startRedis } from './support/redis.ts'

const needsBoth = {
  skip:
    needsRedis.skip ||
    (spawnSync('openssl', ['version'], { stdio: 'ignore' }).status !== 0 && 'no openssl is installed'),
}

/** A certificate of localhost that nobody has signed. */
const makeCertificate = async (t: TestContext) => {
  const folder = await temporaryDirectory(t)
  const [keyFile, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const { status, stderr } = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-keyout', keyFile, '-out', file],
  ])
  assert.equal(status, 0, String(stderr))
  return { file, key: await readFile(keyFile), cert: await readFile(file) }
}

/** TLS in front of a server; answers its port. */
const startTls = async (
  t: TestContext,
  target: number,
  keys: { readonly key: Buffer; readonly cert: Buffer },
) => {
  const server = createServer(keys, client => {
    const upstream = connect(target, '127.0.0.1')
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

test(
  'rediss:// is spoken with the certificate checked: who trusts it shares, who does not says why',
  needsBoth,
  async t => {
    const redis = await startRedis(t)
    const { file, ...keys } = await makeCertificate(t)
    const port = await startTls(t, redis.port, keys)
    const config = {
      model_list: [{ model_name: 'a', litellm_params: { model: 'openai/a', api_key: 'k' } }],
      router_settings: { redis_url: `rediss://:horse@localhost:${port}` },
    }
    const stranger = await served(t, { config })
    await stranger.logged(/"reason":"DEPTH_ZERO_SELF_SIGNED_CERT".*Redis is lost/)
    assert.doesNotMatch(stranger.stdout() + stranger.stderr(), /horse/)
    const url = `rediss://localhost:${port}`
    const friend = await served(t, {
      config: { ...config, router_settings: { redis_url: url } },
      env: { NODE_EXTRA_CA_CERTS: file },
    })
    // Its subscription is at the server behind.
    const subscribed = () => redis.ask('PUBSUB', 'NUMSUB', '{understudy}:health:1')
    const late = performance.now() + 10_000
    while (!(await subscribed()).endsWith(':1\r\n')) assert.ok(performance.now() < late, friend.stdout())
    assert.doesNotMatch(friend.stdout(), /Redis is lost/)
  },
)
