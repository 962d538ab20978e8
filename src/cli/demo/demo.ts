import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { type Served, serve } from '../../listen/serve.ts'
import { type Stage, startStage } from '../../stage/stage.ts'
import { difference } from './difference.ts'
import { BACKUP, PRIMARY, ROWS, type Row } from './rows.ts'

const KEYS = { PRIMARY_KEY: 'primary-key-of-the-demo', BACKUP_KEY: 'backup-key-of-the-demo' } as const
const MASTER_KEY = 'sk-understudy-demo'

/** The configuration of the case, as its users write it. */
export const demoConfig = (primary: string, backup: string): string => `model_list:
  - model_name: ${PRIMARY}
    litellm_params: { model: openai/gpt-4.1, api_base: "${primary}/", api_key: os.environ/PRIMARY_KEY }
  - model_name: ${BACKUP}
    litellm_params: { model: openai/gpt-4.1, api_base: "${backup}/", api_key: os.environ/BACKUP_KEY }
router_settings:
  fallbacks: [ { ${PRIMARY}: [${BACKUP}] } ]
  num_retries: 2
  enable_pre_call_checks: true
`

type Cast = { primary: Stage; readonly backup: Stage; readonly gateway: Served }

export type Outcome = {
  readonly endpoint: string
  readonly harm: string
  readonly status: string
  readonly served: string
  readonly attempts: string
  readonly changes: string
  readonly faults: readonly string[]
}

const stageOptions = (name: string, key: string, port = 0) =>
  ({ flavour: 'azure', name, key, port, models: ['*'], says: 'The understudy knows every line.' }) as const

const startCast = async (dataDir: string, port: number): Promise<Cast> => {
  const primary = await startStage(stageOptions('primary', KEYS.PRIMARY_KEY))
  const backup = await startStage(stageOptions('backup', KEYS.BACKUP_KEY))
  const configPath = join(dataDir, 'config.yaml')
  await writeFile(configPath, demoConfig(primary.baseUrl, backup.baseUrl))
  const env = { ...process.env, ...KEYS, LITELLM_MASTER_KEY: MASTER_KEY }
  const gateway = await serve({
    configPath,
    env,
    port,
    host: '127.0.0.1',
    dataDir,
    stdout: false,
    level: 'warn',
  })
  return { primary, backup, gateway }
}

/** Sends one row and judges everything that was promised of it. */
const playRow = async (cast: Cast, row: Row): Promise<Outcome> => {
  cast.primary.clear()
  cast.backup.clear()
  const port = cast.primary.port
  if (row.to.kind === 'faults') cast.primary.script(row.to.faults)
  if (row.to.kind === 'refused') await cast.primary.close()
  const answer = await request(`${cast.gateway.url}${row.path.split(' ')[0]}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': row.body.contentType },
    body: row.body.bytes,
  })
  const text = await answer.body.text()
  const seen = row.to.kind === 'refused' ? [] : [...cast.primary.requests]
  if (row.to.kind === 'refused')
    cast.primary = await startStage(stageOptions('primary', KEYS.PRIMARY_KEY, port))
  const changes = [...seen, ...cast.backup.requests].map(hit =>
    difference(row.body, { bytes: hit.body, contentType: row.body.contentType }),
  )
  const refused = [...seen, ...cast.backup.requests].flatMap(hit =>
    hit.refusal === undefined ? [] : [hit.refusal.message],
  )
  const served = String(answer.headers['x-litellm-model-group'] ?? '—')
  return {
    endpoint: row.path,
    harm: row.harm,
    status: String(answer.statusCode),
    served,
    attempts: `${seen.length} + ${cast.backup.requests.length}`,
    changes: [...new Set(changes)].map(change => (change === '' ? 'none' : change)).join(' | ') || '—',
    faults: judge(row, {
      refused,
      status: answer.statusCode,
      served,
      text,
      changes,
      seen: seen.length,
      backup: cast.backup.requests.length,
    }),
  }
}

type Seen = {
  readonly status: number
  readonly served: string
  readonly text: string
  readonly changes: readonly string[]
  readonly refused: readonly string[]
  readonly seen: number
  readonly backup: number
}

const judge = (row: Row, got: Seen): readonly string[] => {
  const faults: string[] = []
  if (got.status !== 200) faults.push(`status ${got.status}: ${got.text.slice(0, 300)}`)
  if (got.served !== BACKUP) faults.push(`served by ${got.served}, not ${BACKUP}`)
  if (got.seen !== row.atPrimary) faults.push(`the primary saw ${got.seen} requests, not ${row.atPrimary}`)
  if (got.backup !== 1) faults.push(`the backup saw ${got.backup} requests, not 1`)
  for (const message of got.refused) faults.push(`a real provider would have refused: ${message}`)
  const renamed = row.model === PRIMARY ? [] : [`model: "${row.model}" → "gpt-4.1"`]
  const allowed = new Set(['', ...renamed, ...row.controls.map(key => `−${key}`)])
  for (const change of got.changes) if (!allowed.has(change)) faults.push(`the body was changed: ${change}`)
  if (row.path.includes('(stream)') && !/response\.completed|\[DONE\]/.test(got.text))
    faults.push('the stream has no end')
  return faults
}

const COLUMNS = [
  ['endpoint', 'ENDPOINT'],
  ['harm', 'DONE TO THE PRIMARY'],
  ['status', 'STATUS'],
  ['served', 'SERVED BY'],
  ['attempts', 'ATTEMPTS (primary + backup)'],
  ['changes', "UPSTREAM BODY vs THE CLIENT'S"],
] as const

const printTable = (outcomes: readonly Outcome[], write: (text: string) => void): void => {
  const widths = COLUMNS.map(([key, title]) =>
    Math.max(title.length, ...outcomes.map(one => one[key].length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  write(`   ${line(COLUMNS.map(([, title]) => title))}\n`)
  for (const outcome of outcomes) {
    write(`${outcome.faults.length === 0 ? '✓' : '✗'}  ${line(COLUMNS.map(([key]) => outcome[key]))}\n`)
    for (const fault of outcome.faults) write(`     ✗ ${fault}\n`)
  }
}

const curlLines = ({ gateway, primary }: Cast): string => `
The gateway is at ${gateway.url}, the primary at ${primary.origin}. To play with it:

  curl ${gateway.url}/v1/responses/compact -H 'authorization: Bearer ${MASTER_KEY}' -H 'content-type: application/json' \\
    -d '{"model":"${PRIMARY}","input":"Say your line.","mock_testing_fallbacks":true}' -i

  curl -N ${gateway.url}/v1/chat/completions -H 'authorization: Bearer ${MASTER_KEY}' -H 'content-type: application/json' \\
    -d '{"model":"${PRIMARY}","messages":[{"role":"user","content":"Say your line."}],"stream":true}'

  curl ${gateway.url}/health -H 'authorization: Bearer ${MASTER_KEY}'

Ctrl-C ends it.
`

export type DemoOptions = {
  readonly keep: boolean
  readonly port: number
  readonly write: (text: string) => void
}

/** Two strict providers, the gateway, and every row. Returns the exit code: 0 only if every row holds. */
export const demo = async ({ keep, port, write }: DemoOptions): Promise<number> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'understudy-demo-'))
  const cast = await startCast(dataDir, port)
  try {
    write(
      `Two strict providers in the shape of Azure v1 hosts, and the gateway on:\n\n${demoConfig(cast.primary.baseUrl, cast.backup.baseUrl).replace(/^/gm, '    ')}\n`,
    )
    const outcomes: Outcome[] = []
    for (const row of ROWS) outcomes.push(await playRow(cast, row))
    printTable(outcomes, write)
    const good = outcomes.filter(one => one.faults.length === 0).length
    write(`\n${good} of ${outcomes.length} rows hold.\n`)
    if (keep) {
      write(curlLines(cast))
      await new Promise(resolve => process.once('SIGINT', resolve))
    }
    return good === outcomes.length ? 0 : 1
  } finally {
    await cast.gateway.close(100)
    await Promise.all([cast.primary.close(), cast.backup.close()])
    await rm(dataDir, { recursive: true, force: true })
  }
}
