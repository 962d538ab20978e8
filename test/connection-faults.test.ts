import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { play } from './support/harness.ts'
import { chat } from './support/steady.ts'

/** Why a provider could not be reached: the operator reads it, the client reads LiteLLM's words. */

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

/** It speaks no TLS. */
const startPlain = async (): Promise<Server> => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** A port of this machine where nobody listens any more. */
const closedPort = async (): Promise<number> => {
  const server = await startPlain()
  const port = portOf(server)
  await new Promise(resolve => server.close(resolve))
  return port
}

test('the log and /health say how a connection failed, and clients read no more than that it did', async t => {
  const port = await closedPort()
  const unsecured = await startPlain()
  t.after(() => void unsecured.close())
  const at = (name: string, api_base: string) => ({
    model_name: name,
    litellm_params: { model: `openai/${name}`, api_base, api_key: 'k' },
  })
  const theatre = await play(t, {
    stages: { plain: { script: [{ kind: 'reset', when: 'before-headers' }] } },
    config: ({ plain }) => ({
      model_list: [
        at('refused', `http://127.0.0.1:${port}/v1`),
        at('dns', 'http://nobody.invalid/v1'),
        at('tls', `https://127.0.0.1:${portOf(unsecured)}/v1`),
        at('reset', plain.baseUrl),
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  const names = ['refused', 'dns', 'tls', 'reset']
  for (const name of names) {
    const reply = await theatre.ask('/v1/chat/completions', chat(name))
    assert.equal(reply.status, 500)
    assert.match(reply.text, /OpenAIException - Connection error\./)
    assert.doesNotMatch(reply.text, /ECONN|ENOTFOUND|EAI_|SSL|127\.0\.0\.1|invalid/)
  }
  const { unhealthy_endpoints } = (await theatre.ask('/health?model=refused')).json()
  const [sick] = Array.isArray(unhealthy_endpoints) ? unhealthy_endpoints : []
  assert.match(String(isObject(sick) ? sick.error : ''), /Connection error\. refused \(ECONNREFUSED\)$/)
  await theatre.close()
  const log = await readFile(join(theatre.dataDir, 'log', 'requests.jsonl'), 'utf8')
  const faults = log
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { requestedModel: string; steps: JsonObject[] })
    .map(({ requestedModel, steps }) => `${requestedModel}: ${steps[0]?.fault}`)
  assert.equal(faults.length, names.length)
  assert.equal(faults[0], 'refused: refused (ECONNREFUSED)')
  assert.match(faults[1] ?? '', /^dns: dns \((?:ENOTFOUND|EAI_AGAIN|EAI_FAIL)\)$/)
  assert.match(faults[2] ?? '', /^tls: tls \(\w+\)$/)
  assert.match(faults[3] ?? '', /^reset: reset \(\w+\)$/)
})
