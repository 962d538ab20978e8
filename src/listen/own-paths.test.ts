import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STRONG_KEY } from '../config/load.fixture.ts'
import { loadConfig } from '../config/load.ts'
import { providers } from '../providers/index.ts'
import { ownMethods } from './own-paths.ts'

test('a path is the gateway’s own under every form in which a route is known', () => {
  const cases: readonly (readonly [path: string, methods: readonly string[]])[] = [
    ['/v1/chat/completions', ['POST']],
    ['/chat/completions', ['POST']],
    ['/engines/some-model/chat/completions', ['POST']],
    ['/v1beta/models/some-model:generateContent', ['POST', 'GET']],
    ['/v1/responses/x', ['GET', 'DELETE']],
    ['/openai/anything/below', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']],
    ['/health', ['GET']],
    ['/v1/models/a/b', ['GET']],
    ['/v1/chat', []],
    ['/v1/chat/completions/more', []],
    ['/internal-search', []],
  ]
  for (const [path, methods] of cases) assert.deepEqual(ownMethods(path), methods, path)
})

test('a pass-through endpoint that the gateway’s own routes hide is named at its line', async () => {
  const source = `general_settings:
  pass_through_endpoints:
    - {path: /health, target: "https://t.test", auth: true}
    - {path: /search, target: "https://t.test", auth: true}
`
  const { notices } = await loadConfig({
    path: '/etc/config.yaml',
    env: { LITELLM_MASTER_KEY: STRONG_KEY },
    providers,
    ownMethods,
    readFile: async () => source,
  })
  const said = notices.filter(({ key }) => key.includes('pass_through'))
  assert.deepEqual(
    said.map(({ level, key, place, text }) => [level, key, place?.line, place?.column, text]),
    [
      [
        'warning',
        'general_settings.pass_through_endpoints[0].path',
        3,
        8,
        "/health is a path of the gateway's own: GET there does not reach this endpoint. Give it another path",
      ],
    ],
  )
})
