import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Stage, startStage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { type Member, memberOf, needsProc, socketsOf, workersOf } from './support/crew.ts'
import { deployment, type Reply } from './support/harness.ts'
import { until } from './support/inside.ts'
import { assertWhole, rowsOf } from './support/kept.ts'
import { type Served, served } from './support/process.ts'
import { always } from './support/proofs.ts'

/** What one process has kept, another one on the same data directory goes on with: workers, and gateways side by side. */

const RESPONSES = '/v1/responses'
const LINE = 'to be or not to be'
const CLAUDE = 'claude-sonnet-4-5'

const openStages = async (t: TestContext) => {
  const home = await startStage({ name: 'home' })
  const twin = await startStage({ name: 'twin' })
  const claude = await startStage({ name: 'claude', flavour: 'anthropic', models: [CLAUDE] })
  t.after(() => Promise.all([home, twin, claude].map(stage => stage.close())))
  return { home, twin, claude }
}

type Stages = Awaited<ReturnType<typeof openStages>>

/** `lead` is one account's and leads to another's; in `pair` that other one is drawn first when nothing speaks against it. */
const configFor = ({ home, twin, claude }: Stages): object => ({
  model_list: [
    deployment('lead', home, 'gpt-4.1'),
    deployment('twin', twin, 'gpt-4.1'),
    deployment('claude', claude, CLAUDE),
    deployment('pair', twin, 'gpt-4.1', { weight: 1 }),
    deployment('pair', home, 'gpt-4.1', { weight: 1e-9 }),
  ],
  router_settings: {
    num_retries: 0,
    disable_cooldowns: true,
    fallbacks: [{ lead: ['twin'] }, { claude: ['twin'] }],
    transcripts: true,
  },
})

const question = (content: string): JsonObject => ({ type: 'message', role: 'user', content })

const turn = ({ ask }: Pick<Member, 'ask'>, model: string, more: JsonObject): Promise<Reply> =>
  ask(RESPONSES, { model, input: [question(`[stage:say ${LINE}]`)], ...more })

const okay = (reply: Reply): JsonObject => {
  assert.equal(reply.status, 200, reply.text)
  return reply.json()
}

const named = (answer: JsonObject): readonly Json[] =>
  (answer.output as readonly JsonObject[]).map(({ id = '' }) => ({ type: 'item_reference', id }))

const down = (stage: Stage): void => stage.script(always({ kind: 'status', status: 503 }))

/** What `one` was answered is gone on with at `other`, while its owner is out and while it is not. */
const assertShared = async (
  { home, twin, claude }: Stages,
  dataDir: string,
  [one, other]: readonly [Member, Member],
): Promise<void> => {
  const first = okay(await turn(one, 'lead', {}))
  const translated = okay(await turn(one, 'claude', {}))
  const sealed = { store: false, reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'] }
  const reasoned = okay(await turn(one, 'lead', sealed))
  await until('both responses are on the disk', () => rowsOf(dataDir, 'store.db', 'transcript') === 2, 20_000)
  await until('so are their items', () => rowsOf(dataDir, 'store.db', 'item') >= 2, 20_000)
  // Each item by its name, and what is sealed by its hash; what a translation made nobody keeps.
  const made = [first, reasoned].flatMap(answer => answer.output as readonly JsonObject[])
  const bonds = made.length + made.filter(item => item.encrypted_content !== undefined).length
  await until('and who made them', () => rowsOf(dataDir, 'origins.db', 'origin') === bonds, 20_000)

  const input = [question('Line?'), ...(reasoned.output as readonly Json[]), question('And now?')]
  okay(await turn(other, 'pair', { ...sealed, input }))
  assert.equal(twin.requests.length, 0, 'the reasoning went to who can read it')

  down(home)
  down(claude)
  const goneOn = await turn(other, 'lead', { previous_response_id: first.id ?? '' })
  okay(goneOn)
  assert.match(goneOn.headers['x-understudy-rehydrated'] ?? '', /^previous_response_id; responses=1;/)
  for (const [model, answer] of [
    ['lead', first],
    ['claude', translated],
  ] as const) {
    twin.clear()
    okay(await turn(other, model, { input: [question('Line?'), ...named(answer), question('And now?')] }))
    assert.equal(twin.requests.length, 1)
    assert.ok(twin.requests[0]?.text.includes(LINE))
  }
  assertNothingRefused([home, twin, claude].flatMap(stage => stage.requests))
}

const start = (t: TestContext, stages: Stages, ...args: readonly string[]): Promise<Served> =>
  served(t, { config: configFor(stages), args })

test('what one worker was answered the other one goes on with, its owner out', needsProc, async t => {
  const stages = await openStages(t)
  const gateway = await start(t, stages, '--workers', '2')
  const [one = 0, other = 0] = workersOf(gateway)
  await assertShared(stages, gateway.dataDir, [
    await memberOf(t, gateway, one),
    await memberOf(t, gateway, other),
  ])
  assert.doesNotMatch(gateway.stdout(), /The store is lost/)
})

test('two gateways on one data directory share what they keep', needsProc, async t => {
  const stages = await openStages(t)
  const one = await start(t, stages)
  const other = await start(t, stages, '--data-dir', one.dataDir)
  await assertShared(stages, one.dataDir, [
    await memberOf(t, one, one.pid),
    await memberOf(t, other, other.pid),
  ])
  for (const gateway of [one, other]) {
    assert.doesNotMatch(gateway.stdout(), /The store is lost/)
    gateway.kill('SIGTERM')
    assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  }
  assertWhole(one.dataDir)
})

test(
  'a worker that is killed while it writes loses what was not written, and spoils nothing',
  needsProc,
  async t => {
    const stages = await openStages(t)
    const gateway = await start(t, stages, '--workers', '2')
    const { dataDir } = gateway
    const [victim = 0, other = 0] = workersOf(gateway)
    const answered: string[] = []
    /** Turn after turn, until the connection breaks. */
    const busy = async ({ ask }: Member): Promise<void> => {
      for (;;) {
        const reply = await turn({ ask }, 'lead', {}).catch(() => undefined)
        if (reply === undefined) return
        answered.push(String(okay(reply).id))
      }
    }
    const clients = [await memberOf(t, gateway, victim), await memberOf(t, gateway, victim)]
    const all = Promise.all(clients.map(busy))
    await until('much is written', () => rowsOf(dataDir, 'store.db', 'transcript') >= 20, 20_000)
    const written = rowsOf(dataDir, 'store.db', 'transcript')
    process.kill(victim, 'SIGKILL')
    await all
    assertWhole(dataDir)

    down(stages.home)
    const member = await memberOf(t, gateway, other)
    let found = 0
    for (const id of answered) {
      const reply = await turn(member, 'lead', { previous_response_id: id })
      if (reply.status === 200) found += 1
      else assert.match(reply.text, /previous_response_not_found/)
    }
    assert.ok(found >= written, `${found} of ${answered.length} are found, and ${written} had been written`)
    await gateway.said(/A worker ended \(SIGKILL\)/)
    await until('two workers again', () => workersOf(gateway).length === 2, 20_000)
    const heir = workersOf(gateway).find(pid => pid !== other) ?? 0
    // It begins with what its predecessor has left.
    await until('it listens', () => socketsOf(heir) > 1, 20_000)
    const successor = await memberOf(t, gateway, heir)
    okay(await turn(successor, 'lead', { previous_response_id: answered[0] ?? '' }))
    assert.doesNotMatch(gateway.stdout(), /The store is lost/)
    assertWhole(dataDir)
  },
)
