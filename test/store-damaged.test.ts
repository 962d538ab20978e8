import assert from 'node:assert/strict'
import { cp, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play, type Reply, temporaryDirectory } from './support/harness.ts'
import { FILES } from './support/kept.ts'
import { type Served, served } from './support/process.ts'
import { always } from './support/proofs.ts'

/** Files of the store that cannot be used, or that another version made: told once, with the mend, and no call fails. */

const STAGES = { home: {}, twin: {} }
/** A gateway that has kept something, and has ended. */
const former = await play(
  { after },
  {
    stages: STAGES,
    config: ({ home, twin }) => ({
      model_list: [deployment('lead', home, 'gpt-4.1'), deployment('twin', twin, 'gpt-4.1')],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ lead: ['twin'] }],
        transcripts: true,
      },
    }),
  },
)
const { home, twin } = former.stages
const RESPONSES = '/v1/responses'

type Asking = (body: JsonObject) => Promise<Reply>
const okay = (reply: Reply): JsonObject => {
  assert.equal(reply.status, 200, reply.text)
  return reply.json()
}

const first: Asking = body => former.ask(RESPONSES, body)
const before: string[] = []
// Enough for more pages than the ones that are read first.
for (let n = 0; n < 40; n++)
  before.push(String(okay(await first({ model: 'lead', input: `Line ${n}. ${'x'.repeat(2000)}` })).id))
const [known = ''] = before
await former.close()

const overSql =
  (sql: string) =>
  async (path: string): Promise<void> => {
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
  }

const starting = async (t: Parameters<typeof served>[0], spoil: (path: string) => Promise<unknown>) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  await cp(former.dataDir, dataDir, { recursive: true })
  for (const file of FILES) await spoil(join(dataDir, file))
  const config = await readFile(former.configPath, 'utf8')
  const gateway = await served(t, { config, args: ['--data-dir', dataDir] })
  home.clear()
  twin.clear()
  const ask: Asking = async body => {
    const answer = await fetch(gateway.url + RESPONSES, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    return { status: answer.status, headers: {}, text, json: () => JSON.parse(text) }
  }
  return { gateway, dataDir, ask }
}

const toldOf = (gateway: Served): readonly JsonObject[] =>
  gateway
    .stdout()
    .split('\n')
    .filter(line => line.includes('The store is lost'))
    .map(line => JSON.parse(line) as JsonObject)

type Row = {
  readonly name: string
  readonly spoil: (path: string) => Promise<unknown>
  readonly reason: RegExp
  readonly mend: RegExp
}

const ASIDE = /^Stop the gateway and move the file away, with those beside it that end in -wal and -shm/

const ROWS: readonly Row[] = [
  {
    name: 'is no database',
    spoil: path => writeFile(path, 'This is no database. '.repeat(500)),
    reason: /not a database/,
    mend: ASIDE,
  },
  {
    name: 'has rubbish in its pages',
    spoil: async path => {
      const bytes = await readFile(path)
      await writeFile(path, bytes.fill(0xaa, 4096))
    },
    reason: /malformed/,
    mend: ASIDE,
  },
  {
    name: 'was cut',
    spoil: path => truncate(path, 6000),
    reason: /malformed/,
    mend: ASIDE,
  },
  {
    name: 'has other tables',
    spoil: overSql('DROP TABLE kept_text; CREATE TABLE kept_text (name text)'),
    reason: /its tables are not those of a store/,
    mend: ASIDE,
  },
  {
    name: 'was made by a newer version',
    spoil: overSql("INSERT INTO kysely_migration VALUES ('9999_later', '2030-01-01T00:00:00.000Z')"),
    reason: /a newer version of the gateway has made it/,
    mend: /^Run that version; or stop the gateway and move the file away/,
  },
]

for (const { name, spoil, reason, mend } of ROWS)
  test(`a store that ${name}: told once for each file, with the mend, and no call fails`, async t => {
    const { gateway, dataDir, ask } = await starting(t, spoil)
    const spoilt = await Promise.all(FILES.map(file => readFile(join(dataDir, file))))
    // What was kept is not found, and the client hears so in the words it knows.
    home.script(always({ kind: 'status', status: 503 }))
    for (let n = 0; n < 2; n++) {
      const lost = await ask({ model: 'lead', input: 'And now?', previous_response_id: known })
      assert.equal(lost.status, 400, lost.text)
      assert.match(lost.text, /previous_response_not_found/)
    }
    // What is kept from now on is in memory.
    const { id, output } = okay(await ask({ model: 'lead', input: 'Line?' }))
    okay(await ask({ model: 'lead', input: 'And now?', previous_response_id: id ?? '' }))
    const items = (output as readonly JsonObject[]).map(item => ({
      type: 'item_reference',
      id: item.id ?? '',
    }))
    okay(await ask({ model: 'lead', input: [...items, { role: 'user', content: 'And now?' }] }))

    for (const file of FILES)
      await gateway.logged(new RegExp(`${file.replace('.', '\\.')}".*The store is lost`))
    gateway.kill('SIGTERM')
    assert.deepEqual(await gateway.ended, { code: 0, signal: null })
    const told = toldOf(gateway)
    assert.deepEqual(
      told.map(line => String(line.file)).toSorted(),
      FILES.map(file => join(dataDir, file)).toSorted(),
      JSON.stringify(told),
    )
    for (const line of told) {
      assert.match(String(line.reason), reason)
      assert.match(String(line.mend), mend)
    }
    for (const [at, file] of FILES.entries())
      assert.deepEqual(await readFile(join(dataDir, file)), spoilt[at], `${file} is left as it is`)
  })

test('a store of the version before is brought up to date, and what it holds is gone on with', async t => {
  const { gateway, ask } = await starting(
    t,
    overSql(`
      DROP INDEX kept_text_belongs_to;
      ALTER TABLE kept_text DROP COLUMN belongs_to;
      DELETE FROM kysely_migration WHERE name = '0002_belongs_to'`),
  )
  home.script(always({ kind: 'status', status: 503 }))
  for (const id of before.slice(-2))
    okay(await ask({ model: 'lead', input: 'And now?', previous_response_id: id }))
  gateway.kill('SIGTERM')
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  assert.deepEqual(toldOf(gateway), [])
})
