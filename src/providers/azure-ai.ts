import { type Base, joinQuery } from './address.ts'
import { type OpenAiCompatible, openAiCompatible } from './openai-compatible.ts'
import type { Connection, Provider, ProviderParams } from './provider.ts'

/** The version that /models of a Foundry resource asks for. */
const DEFAULT_VERSION = '2024-05-01-preview'

const isFoundry = (host: string): boolean => /\.(?:services\.ai|openai)\.azure\.com$/.test(host)

/** A Foundry resource serves every model under /models; a serverless endpoint serves one at its root. */
const underModels =
  (version: string | undefined) =>
  (base: Base): Base => {
    const foundry = isFoundry(new URL(base.origin).hostname)
    const path = foundry && base.path === '' ? '/models' : base.path
    const wanted = version ?? (path.endsWith('/models') && foundry ? DEFAULT_VERSION : undefined)
    const fixed = wanted === undefined ? '' : `api-version=${encodeURIComponent(wanted)}`
    return { ...base, path, query: joinQuery(fixed, base.query).slice(1) }
  }

const ROW: OpenAiCompatible = { name: 'azure_ai', keyEnv: ['AZURE_AI_API_KEY'] }

const connect = (params: ProviderParams): Connection => {
  const provider = openAiCompatible({ ...ROW, root: underModels(params.apiVersion) })
  const connection = provider.connect(params)
  if (!isFoundry(new URL(connection.baseUrl).hostname)) return connection
  // Azure's own hosts take the key in its own header.
  return {
    ...connection,
    authorize: async (draft, now) =>
      (await connection.authorize(draft, now)).map(([name, value]) =>
        name === 'authorization' ? (['api-key', value.replace(/^Bearer /, '')] as const) : [name, value],
      ),
  }
}

export const azureAi: Provider = { ...openAiCompatible(ROW), connect }
