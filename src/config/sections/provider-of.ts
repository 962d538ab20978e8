import type { Provider } from '../../providers/provider.ts'
import { KNOWN_PROVIDERS, providerOfAddress, providerOfBareName } from '../names.ts'
import { didYouMean } from '../report.ts'

export type Providers = Readonly<Record<string, Provider>>

export type Resolved = { readonly provider: Provider; readonly upstreamModel: string }
export type Unresolved = { readonly fault: string }

type Written = {
  readonly model: string
  readonly customProvider: string | undefined
  readonly apiBase: string | undefined
}

/**
 * LiteLLM's rules: custom_llm_provider wins; then the prefix before the first '/'; then a known
 * host in api_base; then the well-known bare names.
 */
export const resolveProvider = (written: Written, providers: Providers): Resolved | Unresolved => {
  const { model, customProvider, apiBase } = written
  if (customProvider !== undefined) {
    const own = `${customProvider}/`
    return find(customProvider, model.startsWith(own) ? model.slice(own.length) : model, providers)
  }
  const slash = model.indexOf('/')
  const prefix = slash > 0 ? model.slice(0, slash) : undefined
  if (prefix !== undefined && isKnown(prefix, providers))
    return find(prefix, model.slice(slash + 1), providers)
  const byAddress = apiBase === undefined ? undefined : providerOfAddress(apiBase)
  if (byAddress !== undefined) return find(byAddress, model, providers)
  const byName = prefix === undefined ? providerOfBareName(model) : undefined
  if (byName !== undefined) return find(byName, model, providers)
  return { fault: notProvided(model, prefix, providers) }
}

const isKnown = (name: string, providers: Providers): boolean =>
  Object.hasOwn(providers, name) || KNOWN_PROVIDERS.has(name)

const supported = (providers: Providers): string => Object.keys(providers).sort().join(', ')

const find = (name: string, upstreamModel: string, providers: Providers): Resolved | Unresolved => {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined
  if (provider !== undefined) {
    return upstreamModel === ''
      ? { fault: `the model's name is missing after '${name}/'` }
      : { provider, upstreamModel }
  }
  if (KNOWN_PROVIDERS.has(name))
    return { fault: `provider ${name} is not supported yet. Supported: ${supported(providers)}` }
  const hint = didYouMean(name, [...Object.keys(providers), ...KNOWN_PROVIDERS])
  return { fault: `there is no provider ${name}.${hint} Supported: ${supported(providers)}` }
}

const notProvided = (model: string, prefix: string | undefined, providers: Providers): string => {
  if (model === '*')
    return 'LLM Provider NOT provided: model \'*\' would choose it per request. Write model_name: "*" with it, for every provider whose key is in the environment, or one entry per provider, like model_name: openai/* with model: openai/*'
  const hint = prefix === undefined ? '' : didYouMean(prefix, [...Object.keys(providers), ...KNOWN_PROVIDERS])
  return `LLM Provider NOT provided for model ${model}.${hint} Write the provider before the name, like openai/${model} for an OpenAI-compatible server, or set custom_llm_provider. Supported: ${supported(providers)}`
}
