import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { Transport } from '../attempt/transport.ts'
import { Secret } from '../config/secret.ts'
import { CredentialFault, type Fetched, type Held, type Recipe } from '../providers/recipe.ts'
import { virtualClock } from '../shared/clock.ts'
import { NoCredential } from './source.ts'
import { createVault } from './vault.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

/** Nobody is spoken to here: the recipes of these tests answer by themselves. */
const SILENT: Transport = { send: () => Promise.reject(new Error('no socket')), close: async () => {} }

type Said = { readonly level: string; readonly message: string; readonly fields: unknown }

const setting = (recipeId = 'one') => {
  const time = virtualClock()
  const said: Said[] = []
  const mended: string[] = []
  const fetches: number[] = []
  let script: (count: number) => Promise<Fetched> | Fetched = count => token(`token-${count}`)
  const recipe = (id: string): Recipe => ({
    id,
    identity: id,
    title: 'the test credential',
    mend: 'write a better one',
    secrets: [new Secret('hush-hush')],
    fetch: async () => {
      fetches.push(time.now())
      return script(fetches.length)
    },
  })
  const vault = createVault({
    clock: time.clock,
    dice: { random: () => 0 },
    transport: SILENT,
    event: (level, message, fields) => void said.push({ level, message, fields }),
    mended: one => void mended.push(one.id),
  })
  return {
    ...time,
    vault,
    recipe: recipe(recipeId),
    other: recipe('other'),
    said,
    mended,
    fetches,
    play: (next: typeof script) => {
      script = next
    },
  }
}

const token = (text: string, livesMs: number | undefined = HOUR): Fetched => ({
  held: { kind: 'bearer', token: new Secret(text) },
  livesMs,
})

const down = (): never => {
  throw new CredentialFault('connection refused', { detail: 'it said hush-hush', where: 'http://sts.test/' })
}

/** The token in force; fails when a caller would have to wait. */
const now = (held: Held | Promise<Held>): string => {
  assert.ok(!(held instanceof Promise), 'a caller had to wait')
  return held.kind === 'bearer' ? held.token.reveal() : ''
}

test('a recipe is fetched when it is first kept, once, and everybody who comes meanwhile waits for that', async () => {
  const { vault, recipe, fetches, play, advance, clock } = setting()
  play(() => new Promise(resolve => clock.after(200, () => resolve(token('first')))))
  vault.keep([recipe, recipe])
  const waiting = Array.from({ length: 100 }, () => vault.take(recipe))
  assert.ok(waiting.every(one => one instanceof Promise))
  await advance(200)
  for (const held of await Promise.all(waiting)) assert.equal(now(held), 'first')
  assert.equal(fetches.length, 1)
  assert.equal(now(vault.take(recipe)), 'first')
})

describe('renewal', () => {
  test('comes by itself well before the end, and nobody ever waits for it', async () => {
    const { vault, recipe, fetches, play, advance, clock } = setting()
    vault.keep([recipe])
    await advance(0)
    // Every renewal takes ten seconds: whoever asks meanwhile is answered with the one before.
    play(count => new Promise(resolve => clock.after(10_000, () => resolve(token(`token-${count}`)))))
    for (let minute = 0; minute < 180; minute++) {
      await advance(MINUTE)
      now(vault.take(recipe))
    }
    assert.deepEqual(
      fetches.map(at => Math.round(at / MINUTE)),
      [0, 45, 90, 135, 180],
    )
  })

  test('a short life is renewed in its last quarter, a long one a quarter of an hour before its end', async () => {
    for (const [livesMs, renewedAt] of [
      [60_000, 45_000],
      [24 * HOUR, 24 * HOUR - 15 * MINUTE],
    ] as const) {
      const { vault, recipe, fetches, play, advance } = setting()
      play(count => token(`token-${count}`, livesMs))
      vault.keep([recipe])
      await advance(renewedAt - 1)
      assert.equal(fetches.length, 1, `${livesMs}`)
      await advance(1)
      assert.equal(fetches.length, 2, `${livesMs}`)
    }
  })

  test('what does not expire is looked at again all the same', async () => {
    const { vault, recipe, fetches, play, advance } = setting()
    play(count => ({ ...token(`token-${count}`), livesMs: undefined }))
    vault.keep([recipe])
    await advance(15 * MINUTE)
    assert.equal(fetches.length, 2)
    assert.equal(now(vault.take(recipe)), 'token-2')
  })

  test('a machine that slept does not wake up with an old credential', async () => {
    const { clock, advance } = virtualClock()
    let slept = 0
    let fetches = 0
    const vault = createVault({
      clock: { ...clock, wall: () => clock.wall() + slept },
      dice: { random: () => 0 },
      transport: SILENT,
      event: () => {},
    })
    const { recipe } = setting()
    const own = { ...recipe, fetch: async () => token(`token-${++fetches}`) }
    vault.keep([own])
    await advance(0)
    slept = 2 * HOUR
    const held = vault.take(own)
    assert.ok(held instanceof Promise)
    assert.equal(now(await held), 'token-2')
  })
})

describe('when it cannot be fetched', () => {
  test('the one in hand is used until it expires, and only then is there none', async () => {
    const { vault, recipe, said, play, advance } = setting()
    vault.keep([recipe])
    await advance(0)
    play(down)
    for (let second = 0; second < 3595; second++) {
      assert.equal(now(vault.take(recipe)), 'token-1', `second ${second}`)
      await advance(1000)
    }
    assert.deepEqual(new Set(said.map(one => one.level)), new Set(['warn']))
    await assert.rejects(async () => vault.take(recipe), NoCredential)
    assert.equal(said.at(-1)?.level, 'error')
  })

  test('the error names the mend and shows nothing of what was said', async () => {
    const { vault, recipe, said, play, advance } = setting()
    play(down)
    vault.keep([recipe])
    await advance(0)
    const error = await Promise.resolve(vault.take(recipe)).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof NoCredential)
    assert.equal(
      error.message,
      'the test credential could not be fetched (connection refused): write a better one',
    )
    assert.doesNotMatch(inspect([said, recipe, vault], { depth: 9 }), /hush/)
    const fields = { credential: 'the test credential', reason: 'connection refused' }
    const more = { detail: 'it said [secret]', where: 'http://sts.test/', mend: 'write a better one' }
    assert.deepEqual(said[0]?.fields, { ...fields, ...more })
  })

  test('it is tried again ever more rarely, whoever asks, and mended as soon as it can be', async () => {
    const { vault, recipe, fetches, mended, play, advance } = setting()
    play(down)
    vault.keep([recipe])
    for (let second = 0; second < 600; second++) {
      await assert.rejects(async () => vault.take(recipe), NoCredential)
      await advance(1000)
    }
    assert.ok(fetches.length >= 20 && fetches.length <= 30, `${fetches.length} fetches`)
    assert.deepEqual(mended, [])
    play(count => token(`token-${count}`))
    await advance(MINUTE)
    now(vault.take(recipe))
    assert.deepEqual(mended, ['one'])
  })

  test('a fetch that never ends is given up, and so is a credential that has expired already', async () => {
    const { vault, recipe, play, advance } = setting()
    play(() => new Promise(() => {}))
    vault.keep([recipe])
    const held = Promise.resolve(vault.take(recipe))
    const late = assert.rejects(held, /no answer in time/)
    await advance(30_000)
    await late
    play(() => token('old', 0))
    await advance(1000)
    await assert.rejects(async () => vault.take(recipe), /expired/)
  })
})

describe('a reload', () => {
  test('keeps what stays, and lets go of the rest', async () => {
    const { vault, recipe, other, fetches, advance, pending } = setting()
    vault.keep([recipe])
    await advance(0)
    vault.keep([recipe, other])
    await advance(0)
    assert.equal(fetches.length, 2)
    assert.equal(now(vault.take(recipe)), 'token-1')
    vault.keep([])
    assert.equal(pending(), 0)
    await advance(HOUR)
    assert.equal(fetches.length, 2)
  })

  test('a call that began before it is served, and nothing is renewed for it', async () => {
    const { vault, recipe, fetches, advance, pending } = setting()
    assert.equal(now(await vault.take(recipe)), 'token-1')
    assert.equal(now(vault.take(recipe)), 'token-1')
    assert.equal(pending(), 0)
    await advance(2 * HOUR)
    assert.equal(fetches.length, 1)
    // Wanted again: it is renewed from here on.
    vault.keep([recipe])
    await advance(0)
    assert.equal(fetches.length, 2)
  })

  test('the end gives up what is under way', async () => {
    const { vault, recipe, play, advance, pending } = setting()
    play(() => new Promise(() => {}))
    vault.keep([recipe])
    const left = assert.rejects(Promise.resolve(vault.take(recipe)), NoCredential)
    vault.close()
    await left
    await advance(0)
    assert.equal(pending(), 0)
  })
})

describe('a provider refuses the credential', () => {
  test('another one is fetched in the background, and no more than one in half a minute', async () => {
    const { vault, recipe, fetches, mended, advance } = setting()
    vault.keep([recipe])
    await advance(30_000)
    for (let each = 0; each < 10; each++) vault.doubt(recipe)
    assert.equal(now(vault.take(recipe)), 'token-1')
    await advance(0)
    assert.equal(now(vault.take(recipe)), 'token-2')
    assert.deepEqual(mended, ['one'])
    vault.doubt(recipe)
    await advance(0)
    assert.equal(fetches.length, 2)
  })

  test('the same one again mends nothing', async () => {
    const { vault, recipe, mended, play, advance } = setting()
    play(() => token('same'))
    vault.keep([recipe])
    await advance(30_000)
    vault.doubt(recipe)
    await advance(0)
    assert.deepEqual(mended, [])
  })
})
