import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runStage, type StageCommand } from '../cli/stage.ts'
import { FLAVOURS } from './flavour.ts'
import { startStage } from './stage.ts'

const chat = (base: string, key: string) =>
  fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'anything', messages: [{ role: 'user', content: 'Hello' }] }),
  })

test('the command says how to reach the stage, plays the script from the door, and shows no key', async t => {
  const lines: string[] = []
  const stage = await runStage({ port: 0, key: 'sk-chosen', write: text => lines.push(text) })
  t.after(() => stage.close())
  assert.match(lines.join(''), new RegExp(stage.baseUrl))
  assert.doesNotMatch(lines.join(''), /sk-chosen/)
  const script = { faults: [{ kind: 'status', status: 503 }], path: 'chat' }
  const set = await fetch(`${stage.origin}/__stage/script`, { method: 'POST', body: JSON.stringify(script) })
  assert.equal(set.status, 200)
  assert.equal((await chat(stage.baseUrl, 'sk-chosen')).status, 503)
  assert.equal((await chat(stage.baseUrl, 'sk-chosen')).status, 200)
  const shown = await (await fetch(`${stage.origin}/__stage/requests`)).text()
  assert.equal(JSON.parse(shown).requests.length, 2)
  assert.equal(JSON.parse(shown).requests[0].fault, 'status')
  assert.doesNotMatch(shown, /sk-chosen/)
})

test('no provider’s way of sending a key shows it at the door', async t => {
  const stage = await startStage({ control: true })
  t.after(() => stage.close())
  const names = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'x-amz-security-token']
  const headers = Object.fromEntries(names.map(name => [name, 'my-secret']))
  await fetch(`${stage.origin}/v1/models?alt=sse&key=my-secret`, { headers })
  const shown = await (await fetch(`${stage.origin}/__stage/requests`)).text()
  assert.equal(JSON.parse(shown).requests[0].target, '/v1/models?alt=sse&key=(hidden)')
  assert.doesNotMatch(shown, /my-secret/)
})

test('the command prints what a deployment has to say, whichever provider it plays', async t => {
  const told = async (command: Omit<StageCommand, 'port' | 'write'>): Promise<string> => {
    const lines: string[] = []
    const stage = await runStage({ ...command, port: 0, write: text => lines.push(text) })
    t.after(() => stage.close())
    return lines.join('')
  }
  for (const flavour of FLAVOURS)
    assert.match(
      await told({ flavour }),
      new RegExp(`litellm_params:\n    model: ${flavour}/\\S+\n    api_base: http`),
    )
  assert.match(await told({ flavour: 'azure' }), /api_version: v1/)
  assert.match(
    await told({ flavour: 'vertex_ai' }),
    /vertex_project: stage\n {4}vertex_location: us-central1/,
  )
  assert.doesNotMatch(await told({ flavour: 'ollama' }), /api_key/)
  const usual = await told({ flavour: 'bedrock' })
  assert.match(usual, /aws_region_name: us-east-1\n.*AKIASTAGE\n.*stage-secret\n.*\n.*api_key: sk-stage/)
  const own = await told({
    flavour: 'bedrock',
    key: 'my-key',
    awsRegionName: 'eu-west-1',
    awsAccessKeyId: 'AKIAMINE',
    awsSecretAccessKey: 'my-secret',
    awsSessionToken: 'my-token',
  })
  assert.match(own, /aws_region_name: eu-west-1\n.*AKIAMINE\n/)
  assert.doesNotMatch(own, /my-/)
})

test('a script that is none is refused with its entry', async t => {
  const stage = await startStage({ control: true })
  t.after(() => stage.close())
  for (const body of ['[{"kind":"nothing"}]', 'no json', '{"faults":[{"kind":"ok"}],"path":"("}']) {
    const reply = await fetch(`${stage.origin}/__stage/script`, { method: 'POST', body })
    assert.equal(reply.status, 400, body)
  }
})

test('without `control` the door is not there', async t => {
  const stage = await startStage()
  t.after(() => stage.close())
  assert.equal((await fetch(`${stage.origin}/__stage/requests`)).status, 401)
  assert.equal(stage.requests.length, 1)
})

test('a script file is played; a bad one names itself', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'understudy-stage-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const scriptFile = join(directory, 'faults.json')
  await writeFile(scriptFile, '[{"kind":"status","status":529}]')
  const stage = await runStage({ port: 0, scriptFile, write: () => {} })
  t.after(() => stage.close())
  assert.equal((await chat(stage.baseUrl, 'sk-stage')).status, 529)
  await writeFile(scriptFile, '[{"kind":"storm"}]')
  await assert.rejects(
    runStage({ port: 0, scriptFile, write: () => {} }),
    /faults\.json: entry 0 is not a fault/,
  )
})
