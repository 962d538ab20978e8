import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fakeProvider } from '../config/load.fixture.ts'
import { providers as shipped } from '../providers/index.ts'
import { check } from './check.ts'

const EXAMPLE = fileURLToPath(new URL('../../config.example.yaml', import.meta.url))
const ENV = {
  OPENAI_API_KEY: 'sk-openai-dummy',
  AZURE_API_BASE: 'https://dummy.openai.azure.com',
  AZURE_API_KEY: 'azure-dummy',
  AWS_ACCESS_KEY_ID: 'AKIADUMMY',
  AWS_SECRET_ACCESS_KEY: 'aws-dummy',
  LITELLM_MASTER_KEY: 'sk-0123456789abcdef0123',
}

const folder = await mkdtemp(join(tmpdir(), 'check-'))
after(() => rm(folder, { recursive: true }))

const run = async (
  path: string,
  providers: typeof shipped = shipped,
): Promise<{ code: number; text: string }> => {
  let text = ''
  const code = await check(path, { env: ENV, providers, write: part => (text += part) })
  return { code, text }
}

test('the example file is accepted without a warning by the providers that ship', async () => {
  const { code, text } = await run(EXAMPLE)
  assert.equal(code, 0, text)
  assert.doesNotMatch(text, /\bwarning {2}|\berror {2}|\blater {2}/)
  assert.match(text, /^gpt-4\.1 {2}\(2 deployments/m)
  assert.match(text, /^Config OK: 6 deployments; 0 warnings/m)
  for (const secret of ['sk-openai-dummy', 'azure-dummy', 'aws-dummy', ENV.LITELLM_MASTER_KEY])
    assert.ok(!text.includes(secret))
})

test('a file with an error exits with 1 and names the place', async () => {
  const path = join(folder, 'config.yaml')
  await writeFile(path, 'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, rpm: many}\n')
  const { code, text } = await run(path, { openai: fakeProvider('openai') })
  assert.equal(code, 1)
  assert.match(
    text,
    /^config\.yaml:3:39 {2}error {4}model_list\[0\]\.litellm_params\.rpm {2}must be a whole number$/m,
  )
  assert.match(text, /Not accepted: 1 error, 0 warnings\./)
})

test('a file that is not there exits with 1', async () => {
  const { code, text } = await run(join(folder, 'none.yaml'))
  assert.equal(code, 1)
  assert.match(text, /cannot read none\.yaml: there is no such file/)
})
