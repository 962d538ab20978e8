import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeProvider, loadText } from '../load.fixture.ts'

/** What cannot stand beside `model: "*"`: it would go to every provider. */

const named = (name: string) =>
  fakeProvider(name, [], ({ env }) => ({
    credentialId: env[`${name}_KEY`] ?? '',
    missing: env[`${name}_KEY`] === undefined ? 'no key' : undefined,
  }))

const told = async (
  params: string,
  env: Readonly<Record<string, string>> = { one_KEY: 'k', two_KEY: 'k' },
) => {
  const source = `model_list: [{ model_name: "*", litellm_params: { model: "*"${params} } }]`
  const { notices } = await loadText(source, { env, providers: ['one', 'two'].map(named) })
  return notices.filter(({ level }) => level === 'error').map(({ key, text }) => `${key}: ${text}`)
}

test('a key, an address and a credential among the headers belong to one provider', async () => {
  for (const [params, key] of [
    ['api_key: sk-1', 'api_key'],
    ['api_base: "https://h/v1"', 'api_base'],
    ['extra_headers: { Authorization: "Bearer x", x-team: a }', 'extra_headers.Authorization'],
    ['headers: { x-api-key: x }', 'headers.x-api-key'],
  ] as const) {
    const [error = '', ...more] = await told(`, ${params}`)
    assert.match(error, /belongs to one provider/)
    assert.ok(error.startsWith(`model_list[0].litellm_params.${key}: `), error)
    assert.deepEqual(more, [])
  }
  assert.deepEqual(await told(', extra_headers: { x-team: a }, rpm: 5'), [])
})

test('with nobody in the environment it stands for nobody, and says what to set', async () => {
  assert.match((await told('', {})).join(), /there is none: set OPENAI_API_KEY/)
})
