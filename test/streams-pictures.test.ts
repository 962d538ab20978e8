import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { type PuppetCall, startPuppet } from './support/puppet.ts'

/** A stream of several pictures is whole with the last one that was asked for, not with the first. */

const event = (type: string, of: string): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, b64_json: of, created_at: 1 })}\n\n`
const partial = (of: string, verb = 'image_generation'): string => event(`${verb}.partial_image`, of)
const whole = (of: string, verb = 'image_generation'): string => event(`${verb}.completed`, of)
const DONE = 'data: [DONE]\n\n'

type Way = 'generations' | 'edits'

const form = (fields: Readonly<Record<string, string>>): string =>
  `${Object.entries(fields)
    .map(([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\nAAAA\r\n--b--\r\n`

const asked = async (
  t: TestContext,
  way: Way = 'generations',
  params: JsonObject = {},
  n: number | null = 2,
) => {
  const puppet = await startPuppet(t)
  const gateway = inside()
  const litellm_params = { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'k', ...params }
  const { send } = await play(t, {
    config: { model_list: [{ model_name: 'artist', litellm_params }], router_settings: { num_retries: 0 } },
    start: gateway.start,
  })
  const wish = { model: 'artist', prompt: 'x', stream: true, ...(n === null ? {} : { n }) }
  const text = Object.fromEntries(Object.entries(wish).map(([key, value]) => [key, String(value)]))
  const client = await send({
    path: `/v1/images/${way}`,
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['content-type', way === 'edits' ? 'multipart/form-data; boundary=b' : 'application/json'],
    ],
    body: way === 'edits' ? Buffer.from(form(text)) : wish,
  })
  const call = await puppet.next()
  call.events()
  const ended = async (): Promise<string | undefined> => (await gateway.recorded(1))[0]?.end
  return { call, client, ended }
}

const rows: readonly (readonly [
  what: string,
  verb: 'image_generation' | 'image_edit',
  ...(Parameters<typeof asked> extends [TestContext, ...infer Rest] ? Rest : never),
])[] = [
  ['asked for in a body', 'image_generation'],
  ['asked for in a form', 'image_edit', 'edits'],
  ['asked for by the deployment', 'image_generation', 'generations', { n: 2 }, null],
]
for (const [what, verb, ...how] of rows)
  test(`two pictures ${what}: the stream ends with the second, though its connection stays open`, async t => {
    const { call, client, ended } = await asked(t, ...how)
    await call.write(partial('A', verb) + whole('AA', verb))
    await client.head()
    while (!(await client.event())?.data?.includes('"AA"'));
    await call.write(partial('B', verb) + whole('BB', verb))
    const rest = (await client.events()).map(({ data }) => data).join()
    assert.match(rest, /"B".*"BB"/)
    assert.equal(await ended(), 'complete')
  })

const ENDS: Readonly<Record<string, (call: PuppetCall) => void>> = {
  'an end in order': call => call.end(),
  'the terminator, and no end': call => void call.write(DONE),
}
for (const [what, end] of Object.entries(ENDS))
  test(`one picture of two and ${what}: there are no more`, async t => {
    const { call, client, ended } = await asked(t)
    await call.write(partial('A') + whole('AA'))
    await client.head()
    await client.event()
    end(call)
    assert.doesNotMatch((await client.events()).map(({ data }) => data).join(), /error/)
    assert.equal(await ended(), 'complete')
  })

const BREAKS: Readonly<Record<string, (call: PuppetCall) => void>> = {
  'a cut connection': call => void call.request.socket.end(),
  'half of the second': call => call.end(partial('B')),
  'half of the second and the terminator': call => call.end(partial('B') + DONE),
  'an error': call => call.end(`event: error\ndata: {"type":"error","error":{"message":"boom"}}\n\n`),
}
for (const [what, end] of Object.entries(BREAKS))
  test(`one picture of two and ${what}: it has broken, and says so`, async t => {
    const { call, client, ended } = await asked(t)
    await call.write(partial('A') + whole('AA'))
    await client.head()
    await client.event()
    end(call)
    assert.match((await client.events()).at(-1)?.data ?? '', /"error"/)
    assert.equal(await ended(), 'upstream_broke')
  })
