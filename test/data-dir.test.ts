import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MASTER_KEY, temporaryDirectory } from './support/harness.ts'
import { ran } from './support/process.ts'

/** A data directory that cannot be had: what the start says of it. */

const ONE_MODEL = {
  model_list: [
    {
      model_name: 'star',
      litellm_params: { model: 'openai/gpt-4.1', api_base: 'http://127.0.0.1:9/v1', api_key: 'k' },
    },
  ],
}

const folderWith = async (t: TestContext, config: object): Promise<string> => {
  const folder = await temporaryDirectory(t)
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config))
  return folder
}

test('a file where the data directory should be is one clear sentence', async t => {
  const cwd = await folderWith(t, ONE_MODEL)
  for (const dataDir of ['config.yaml', join('config.yaml', 'below')]) {
    const { code, stderr } = await ran(t, { args: ['serve', '--port', '0', '--data-dir', dataDir], cwd })
    assert.equal(code, 1)
    assert.match(stderr, /The data directory cannot be written \(config\.yaml.*\): choose another one/)
    assert.ok(!/\n\s+at /.test(stderr), 'no stack')
  }
})

test('a data directory that was named and cannot be made ends the start, with a master key as well', async t => {
  const keyed = { ...ONE_MODEL, general_settings: { master_key: MASTER_KEY } }
  // Linux refuses it as if a folder above it were missing.
  const place = process.platform === 'linux' ? '/proc/x/y' : '/dev/null/y'
  const named = { UNDERSTUDY_DATA_DIR: place }
  for (const [config, more, env] of [
    [ONE_MODEL, ['--data-dir', place], {}],
    [keyed, ['--data-dir', place, '--workers', '2'], {}],
    [keyed, [], named],
  ] as const) {
    const cwd = await folderWith(t, config)
    const { code, stderr } = await ran(t, { args: ['serve', '--port', '0', ...more], cwd, env })
    assert.equal(code, 1)
    assert.match(
      stderr,
      /The data directory cannot be written \(\/(?:proc\/x|dev\/null).*\): choose another one with --data-dir\./,
    )
    assert.ok(!/\n\s+at /.test(stderr), 'no stack')
  }
})
