import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderPlan } from './effective.ts'
import { accepted, models } from './load.fixture.ts'
import { renderNotices } from './render.ts'

const place = (line: number, column = 3) => ({ file: 'config.yaml', line, column })

test('the report is grouped by level and aligned', () => {
  const text = renderNotices(
    [
      {
        level: 'later',
        key: 'litellm_settings.cache',
        place: place(12),
        text: 'There is no answer cache yet.',
      },
      { level: 'warning', key: 'b', place: place(20), text: 'second' },
      {
        level: 'error',
        key: 'router_settings.timeout',
        place: place(9, 11),
        text: 'must be a number of seconds',
      },
      { level: 'warning', key: 'a', place: place(3), text: 'first' },
      { level: 'warning', key: 'ENV', place: undefined, text: 'no place' },
    ],
    { color: false },
  )
  assert.equal(
    text,
    `Must be mended before the file is accepted
config.yaml:9:11  error    router_settings.timeout  must be a number of seconds

Probably not what was meant
-                 warning  ENV                      no place
config.yaml:3:3   warning  a                        first
config.yaml:20:3  warning  b                        second

Read, but without effect in this version
config.yaml:12:3  later    litellm_settings.cache   There is no answer cache yet.
`,
  )
  assert.equal(renderNotices([], { color: true }), '')
})

test('colour is only where it is asked for, and a file cannot steer the terminal', () => {
  const notice = { level: 'error', key: 'a\u001b[2J', place: place(1), text: 'x\r\ny\u2028' } as const
  assert.equal(renderNotices([notice], { color: false }).includes('\u001b'), false)
  assert.match(renderNotices([notice], { color: false }), /a\\u001b\[2J +x\\u000d\\u000ay\\u2028/)
  assert.ok(renderNotices([notice], { color: true }).includes('\u001b[31merror'))
})

test('M-169 the effective plan spells out every default, before the first failure', async () => {
  const config = await accepted(`${models('a', 'b', 'c')}
  - {model_name: a, litellm_params: {model: openai/a2, weight: 2, timeout: 9}, model_info: {id: second}}
  - {model_name: "w/*", litellm_params: {model: openai/*}, model_info: {id: wild}}
router_settings:
  fallbacks: [{a: [b]}, {b: [c, a]}]
  content_policy_fallbacks: [{a: [c]}]
  model_group_retry_policy: {b: {TimeoutErrorRetries: 0}}
  model_group_alias: {z: a, y: {model: b, hidden: true}}
  stream_timeout: 30
`)
  const [first, b, c] = ['a', 'b', 'c'].map(name => config.groups.get(name)?.[0]?.id.slice(0, 12))
  assert.equal(
    renderPlan(config),
    `a  (2 deployments, simple-shuffle)
  ${first}  openai/a
  second        openai/a2  weight 2, timeout 9 s
  retries    up to 2
  fallbacks  → b → c
  refused    → c
  cooldown   5 s, doubling up to 300 s, after 3 failures in a row or when over half of at least 5 calls a minute fail; 429 at least 5 s; 401, 402 and no such model 300 s
  timeout    6000 s, streams 30 s

b  (1 deployment, simple-shuffle)
  ${b}  openai/b
  retries    up to 2; Timeout 0
  fallbacks  → c → a
  refused    none: the list has no entry for this group
  cooldown   429 as long as asked; 401, 402 and no such model 300 s; nothing else
  timeout    6000 s, streams 30 s

c  (1 deployment, simple-shuffle)
  ${c}  openai/c
  retries    up to 2
  fallbacks  none
  refused    none: the list has no entry for this group
  cooldown   429 as long as asked; 401, 402 and no such model 300 s; nothing else
  timeout    6000 s, streams 30 s

w/*  (1 deployment, simple-shuffle)
  wild          openai/*
  retries    up to 2
  fallbacks  none
  refused    none: the list has no entry for this group
  cooldown   429 as long as asked; 401, 402 and no such model 300 s; nothing else
  timeout    6000 s, streams 30 s

aliases
  z → a
  y → b (hidden)
`,
  )
})

test('cooldown and retries say what is configured', async () => {
  const plan = async (settings: string) =>
    renderPlan(await accepted(`${models('a')}router_settings: {${settings}}\n`))
  assert.match(await plan('disable_cooldowns: true'), /cooldown {3}never/)
  assert.match(
    await plan('allowed_fails: 0, cooldown_time: 1.5'),
    /cooldown {3}1.5 s after more than 0 failures/,
  )
  assert.match(
    await plan('allowed_fails_policy: {RateLimitErrorAllowedFails: 1}'),
    /more failures than allowed: RateLimitError 1/,
  )
  assert.match(
    await plan('cooldown_time: 5'),
    /cooldown {3}5 s; 401 and 404 at once, otherwise only when all of at least 1000 calls a minute fail/,
  )
  assert.match(
    await plan('hard_cooldown_time: 60'),
    /cooldown {3}429 as long as asked; 401, 402 and no such model 60 s/,
  )
  assert.match(await plan('num_retries: 0'), /retries {4}none/)
  assert.match(await plan('timeout: 7, stream_timeout: 0'), /timeout {4}7 s\n/, 'a limit of 0 says nothing')
  assert.match(await plan('max_fallbacks: 0, fallbacks: [{a: [openai/a]}]'), /fallbacks {2}none/)
})
