import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { providers } from '../src/providers/index.ts'
import type { Json } from '../src/wire/json.ts'
import { MASTER_KEY } from './support/harness.ts'
import {
  type Driven,
  deploymentsOf,
  type Exchange,
  type Fixture,
  fixturesOf,
  folders,
  raiseProviders,
  settled,
  wanted,
} from './support/provider-fixtures.ts'

/** Every provider's own words, by the files of test/fixtures/providers: what it is asked, and what is told of its answer. */

const undo: (() => Promise<void>)[] = []
let drive: (exchange: Exchange) => Promise<Driven>

before(async () => {
  drive = await raiseProviders({ after: end => void undo.unshift(end) })
})
after(async () => {
  for (const end of undo) await end()
})

const fits = (written: Json, actual: unknown, what: string): void =>
  assert.deepEqual(actual, settled(written, actual), what)

/** Those of the headers that are written. */
const among = (headers: object, written: object): Record<string, unknown> => {
  const given = new Map(Object.entries(headers))
  return Object.fromEntries(Object.keys(written).map(name => [name, given.get(name) ?? null]))
}

const assertAsked = (fixture: Fixture, { origin, got, told }: Driven): void => {
  const { headers, ...request } = wanted(fixture, origin)
  const [call] = got
  assert.ok(call !== undefined, `nobody was asked; the client was told ${JSON.stringify(told)}`)
  const { headers: sent, ...rest } = call
  assert.deepEqual(rest, request, 'what the provider got')
  fits(headers, among(sent, headers), 'headers that the provider got')
  assert.ok(!JSON.stringify(sent).includes(MASTER_KEY), 'the provider got the key of the gateway')
  assert.equal(got.length, 1, 'the provider was asked once')
}

const assertTold = ({ exchange }: Fixture, driven: Driven): void => {
  const { headers = {}, ...said } = exchange.told
  const { headers: sent = {}, ...told } = driven.told
  fits(said, told, 'what the client was told')
  fits(headers, among(sent, headers), 'headers that the client was told')
}

/** Files that export a registered provider, with the names of those. */
const files = async (): Promise<readonly (readonly [file: string, names: readonly string[]])[]> => {
  const folder = new URL('../src/providers/', import.meta.url)
  const sources = readdirSync(folder).filter(file => /^[a-z-]+\.ts$/.test(file) && file !== 'index.ts')
  const found = await Promise.all(
    sources.map(async file => {
      const exported: object = await import(new URL(file, folder).href)
      const names = Object.values(exported).flatMap(one =>
        typeof one?.connect === 'function' && one.name in providers ? [String(one.name)] : [],
      )
      return [file, names] as const
    }),
  )
  return found.filter(([, names]) => names.length > 0)
}

describe('a folder of fixtures', () => {
  test('is there for every provider with a file of its own', async () => {
    const there = folders()
    const own = await files()
    assert.ok(own.length >= 8, `only ${own.map(([file]) => file)} were found`)
    for (const [file, names] of own)
      assert.ok(
        names.some(name => there.includes(name)),
        `${file}: write test/fixtures/providers/${names[0]}/`,
      )
  })

  for (const provider of folders())
    test(`${provider} is registered, and has a chat, a stream and an error`, () => {
      assert.ok(provider in providers, 'the folder has the name of no provider')
      const names = fixturesOf(provider).map(({ name }) => name)
      for (const name of ['chat', 'chat-stream', 'error'])
        assert.ok(names.includes(name), `write ${name}.json`)
      for (const { model_name: group, litellm_params: params } of deploymentsOf(provider, '')) {
        assert.ok(String(group).startsWith(`${provider}-`), `${group} could be a group of another folder`)
        assert.match(JSON.stringify(params), new RegExp(`"model":"${provider}/`))
      }
    })
})

for (const provider of folders())
  describe(provider, () => {
    for (const fixture of fixturesOf(provider))
      test(fixture.name, async () => {
        const driven = await drive(fixture.exchange)
        assertAsked(fixture, driven)
        assertTold(fixture, driven)
      })
  })
