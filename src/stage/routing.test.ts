import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROUTES } from '../routes.ts'
import { parametersOf } from './columns.ts'
import { findRoute } from './routing.ts'

const concrete = (pattern: string): string => pattern.replace(/:[a-z]+/g, name => `${name.slice(1)}_1`)

/** Endpoints of the Messages API and of Gemini's have stages of their own. */
const OPENAI = ROUTES.filter(({ name }) => !/^(?:messages|gemini)\./.test(name))

test('every route of OpenAI’s API has a provider that plays it, in both flavours', () => {
  for (const route of OPENAI) {
    const path = route.upstream === '/v2/rerank' ? route.upstream : `/v1${concrete(route.upstream)}`
    assert.equal(typeof findRoute('openai', route.method, path, new URLSearchParams()), 'object', route.name)
    if (route.name.startsWith('rerank')) continue
    const azure = findRoute(
      'azure',
      route.method,
      `/openai/v1${concrete(route.upstream)}`,
      new URLSearchParams(),
    )
    assert.equal(typeof azure, 'object', route.name)
  }
})

test('every route with a JSON or form body has its parameters', () => {
  const free = [
    'POST /responses/:id/cancel',
    'POST /batches/:id/cancel',
    'POST /vector_stores/:id/file_batches/:batch/cancel',
  ]
  for (const route of OPENAI) {
    const key = `${route.method} ${route.upstream}`
    if (route.method !== 'POST' || free.includes(key) || /\/jobs\/:id\/(cancel|pause|resume)$/.test(key))
      continue
    const rules = parametersOf('openai', key)
    assert.notEqual(rules, undefined, key)
    assert.equal(
      rules?.contentType,
      route.body === 'multipart' ? 'multipart/form-data' : 'application/json',
      key,
    )
  }
})

test('a literal path is not an id', () => {
  const found = findRoute('openai', 'POST', '/v1/responses/compact', new URLSearchParams())
  assert.equal(typeof found === 'object' ? found.route.key : found, 'POST /responses/compact')
})

test('azure wants a date on its older paths, and the deployment there names the model', () => {
  const path = '/openai/deployments/prod/chat/completions'
  assert.equal(findRoute('azure', 'POST', path, new URLSearchParams()), 'no path')
  const found = findRoute('azure', 'POST', path, new URLSearchParams({ 'api-version': '2024-10-21' }))
  assert.equal(typeof found === 'object' ? found.deployment : found, 'prod')
})

test('compact on azure has eight parameters, and one more at openai', () => {
  const names = (flavour: 'azure' | 'openai') =>
    Object.keys(parametersOf(flavour, 'POST /responses/compact')?.parameters ?? {})
  assert.equal(names('azure').length, 8)
  assert.deepEqual(
    names('openai').filter(name => !names('azure').includes(name)),
    ['image'],
  )
})
