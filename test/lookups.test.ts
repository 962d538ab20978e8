import assert from 'node:assert/strict'
import dns from 'node:dns'
import { type TestContext, test } from 'node:test'
import type { OpenRedis } from '../src/shared/redis-connection.ts'
import { deployment, play } from './support/harness.ts'
import { inside, until } from './support/inside.ts'
import { redisSettings } from './support/redis.ts'
import { open, startMember } from './support/redis-member.ts'
import { chat } from './support/steady.ts'

/** A name server that says nothing of some names: whoever has another name to find must find it. */

type Answer = (error: NodeJS.ErrnoException | null, address: string, family: number) => void

/** Seeks names as Node does, two at a time; those that end in `.silent` are sought until they are given up. */
const playNames = (t: TestContext) => {
  const sought: string[] = []
  const silent: (() => void)[] = []
  const line: (() => void)[] = []
  let free = 2
  const leave = (): void => {
    free += 1
    line.shift()?.()
  }
  const seek = (name: string, hear: Answer): void => {
    free -= 1
    sought.push(name)
    if (name.endsWith('.silent'))
      silent.push(() => {
        leave()
        hear(Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' }), '', 0)
      })
    else
      setImmediate(() => {
        leave()
        hear(null, '127.0.0.1', 4)
      })
  }
  const fake = (name: string, options: dns.LookupOptions, hear: Answer): void => {
    const found: Answer =
      options.all === true
        ? (error, address, family) =>
            (hear as unknown as (e: typeof error, all: readonly dns.LookupAddress[]) => void)(error, [
              { address, family },
            ])
        : hear
    if (free > 0) seek(name, found)
    else line.push(() => seek(name, found))
  }
  t.mock.method(dns, 'lookup', fake)
  t.after(() => {
    for (const giveUp of silent) giveUp()
  })
  return {
    sought,
    /** All that is sought in vain is given up. */
    giveUp: () => {
      for (const end of silent.splice(0)) end()
    },
  }
}

test('a provider whose name nobody answers for keeps nobody from another one', async t => {
  const gateway = inside()
  const on = await play(t, {
    stages: { star: {} },
    config: ({ star }) => ({
      model_list: ['dead.silent', 'gone.silent', 'provider.test', 'other.test'].map(host =>
        deployment(host, star, 'gpt-4.1', {
          api_base: star.baseUrl.replace('127.0.0.1', host),
          connect_timeout: 1.2,
        }),
      ),
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
    start: gateway.start,
  })
  const names = playNames(t)
  const dead = (host: string) => on.ask('/v1/chat/completions', chat(host))
  const first = await Promise.all(['dead.silent', 'dead.silent', 'dead.silent'].map(dead))
  assert.deepEqual(
    first.map(({ status }) => status),
    [408, 408, 408],
  )
  assert.deepEqual(names.sought, ['dead.silent'])
  assert.equal((await on.ask('/v1/chat/completions', chat('provider.test'))).status, 200)
  await dead('gone.silent')
  // Both are known for what they are now, and are sought one after the other.
  names.giveUp()
  const asking = ['dead.silent', 'gone.silent'].map(dead)
  await until('one is sought again', () => names.sought.filter(name => name === 'dead.silent').length === 2)
  assert.equal((await on.ask('/v1/chat/completions', chat('other.test'))).status, 200)
  await Promise.all(asking)
  assert.equal(names.sought.filter(name => name === 'gone.silent').length, 1)
})

test('a Redis whose name nobody answers for is sought once at a time', async t => {
  const names = playNames(t)
  let opened = 0
  const counted: OpenRedis = (...given) => {
    opened += 1
    return open(...given)
  }
  startMember(t, redisSettings(6379, { host: 'redis.silent' }), { open: counted })
  // Each attempt is given up after a second; the name is still being sought.
  await until('three attempts', () => opened >= 3, 10_000)
  assert.deepEqual(names.sought, ['redis.silent'])
})
