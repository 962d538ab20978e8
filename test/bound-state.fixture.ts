import assert from 'node:assert/strict'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { RESPONSES } from './repairs.fixture.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Owner, play, type Reply } from './support/harness.ts'
import { inside } from './support/inside.ts'

export const question = (text: string): JsonObject => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
})

/** Two accounts of OpenAI, one of Azure, and other dialects, of which each refuses what it did not issue itself. */
export const troupe = async (owner: Owner) => {
  const within = inside()
  const house = await play(owner, {
    stages: {
      left: {},
      right: {},
      azure: { flavour: 'azure' as const, models: ['*'] },
      claude: { flavour: 'anthropic' as const, models: ['*'] },
      google: { flavour: 'gemini' as const, models: ['*'] },
    },
    start: within.start,
    config: ({ left, right, azure, claude, google }) => ({
      model_list: [
        deployment('left', left, 'gpt-4.1'),
        deployment('left', left, 'gpt-4o', { order: 2 }),
        deployment('right', right, 'gpt-4.1'),
        deployment('azure', azure, 'prod'),
        deployment('claude', claude, 'claude-sonnet-4-5', { model: 'anthropic/claude-sonnet-4-5' }),
        deployment('google', google, 'gemini-3-pro', { model: 'gemini/gemini-3-pro' }),
        deployment('pair', left, 'gpt-4.1'),
        deployment('pair', right, 'gpt-4.1'),
      ],
      router_settings: {
        num_retries: 1,
        disable_cooldowns: true,
        max_retry_backoff: 0.001,
        retry_backoff: 0.001,
        fallbacks: [{ left: ['right', 'azure', 'claude'] }, { google: ['left'] }],
      },
    }),
  })
  const { left, right, azure, claude, google } = house.stages
  const STAGES = [left, right, azure, claude, google]

  const ask = (model: string, more: JsonObject, path = RESPONSES): Promise<Reply> =>
    house.ask(path, { model, input: [question('Line, please.')], ...more })

  /** So many requests reached left, right, Azure and Claude; nobody was sent what he did not issue. */
  const assertSeen = (...counts: readonly number[]): void => {
    assert.deepEqual(
      [left, right, azure, claude].map(stage => stage.requests.length),
      counts,
    )
    assertNothingRefused(STAGES.flatMap(stage => stage.requests))
  }

  const upload = async (): Promise<string> => {
    const boundary = 'x-act-one'
    const part = (name: string, value: string, more = ''): string =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
    const body = `${part('purpose', 'user_data')}${part('file', 'lines', '; filename="lines.txt"')}--${boundary}--\r\n`
    const reply = await house.ask('/v1/files', undefined, {
      method: 'POST',
      body,
      headers: [
        ['authorization', `Bearer ${house.key}`],
        ['content-type', `multipart/form-data; boundary=${boundary}`],
      ],
    })
    assert.equal(reply.status, 200, reply.text)
    left.clear()
    return String(reply.json().id)
  }

  const store = async (): Promise<string> => {
    const reply = await house.ask('/v1/vector_stores', { name: 'lines' })
    assert.equal(reply.status, 200, reply.text)
    left.clear()
    return String(reply.json().id)
  }

  /** What its account made elsewhere: only the account's own stage knows it. */
  const made = (id: string, stage: Stage = left): string => {
    stage.memory.others.add(id)
    return id
  }

  let count = 0
  const fresh = (prefix: string): string => {
    count += 1
    return made(`${prefix}${count}`)
  }

  const clear = (): void => {
    for (const stage of STAGES) stage.clear()
  }
  return {
    house,
    within,
    left,
    right,
    azure,
    claude,
    google,
    clear,
    ask,
    assertSeen,
    upload,
    store,
    made,
    fresh,
  }
}
