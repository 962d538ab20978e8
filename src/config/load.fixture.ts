import type { Connection, Provider, ProviderParams } from '../providers/provider.ts'
import type { Config, Notice } from './config.ts'
import type { Environment } from './env.ts'
import { type LoadResult, loadConfig } from './load.ts'

/** A provider that connects to nothing and remembers what it was given. */
export type FakeProvider = Provider & { readonly asked: ProviderParams[] }

export const fakeProvider = (
  name: string,
  params: readonly string[] = [],
  connect?: (params: ProviderParams) => Partial<Connection>,
): FakeProvider => {
  const asked: ProviderParams[] = []
  return {
    name,
    exception: `${name}Exception`,
    params,
    asked,
    connect: given => {
      asked.push(given)
      return {
        baseUrl: given.apiBase ?? `https://${name}.test/v1`,
        credentialId: given.apiKey?.id ?? '',
        missing: undefined,
        draft: () => {
          throw new Error('not called while loading')
        },
        authorize: () => [],
        reading: () => ({}),
        ...connect?.(given),
      }
    },
  }
}

export type World = {
  readonly files: Readonly<Record<string, string>>
  readonly env?: Environment
  readonly providers?: readonly Provider[]
}

export const STRONG_KEY = 'sk-0123456789abcdef0123'

/** Loads /etc/understudy/config.yaml of a world that exists only in memory. */
export const loadWorld = (world: World): Promise<LoadResult> => {
  const list = world.providers ?? [fakeProvider('openai'), fakeProvider('anthropic')]
  return loadConfig({
    path: '/etc/understudy/config.yaml',
    env: { LITELLM_MASTER_KEY: STRONG_KEY, ...world.env },
    providers: Object.fromEntries(list.map(provider => [provider.name, provider])),
    readFile: async path => {
      const source = world.files[path.replace('/etc/understudy/', '')]
      if (source === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' })
      return source
    },
  })
}

export const loadText = (source: string, world: Omit<World, 'files'> = {}): Promise<LoadResult> =>
  loadWorld({ ...world, files: { 'config.yaml': source } })

/** The Config of a file that must be accepted. */
export const accepted = async (source: string, world: Omit<World, 'files'> = {}): Promise<Config> => {
  const { config, notices } = await loadText(source, world)
  if (config === undefined) throw new Error(`not accepted:\n${lines(notices).join('\n')}`)
  return config
}

/** One line per notice: level, place, key and text. */
export const lines = (notices: readonly Notice[], level?: Notice['level']): string[] =>
  notices
    .filter(notice => level === undefined || notice.level === level)
    .map(({ level: own, place, key, text }) =>
      [own, place ? `${place.file}:${place.line}:${place.column}` : '-', key, text].join(' | '),
    )

/** A model_list of plain groups, to hang other sections on. */
export const models = (...names: readonly string[]): string =>
  `model_list:\n${names.map(name => `  - model_name: ${name}\n    litellm_params: {model: openai/${name}}\n`).join('')}`
