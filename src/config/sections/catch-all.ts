import type { Connection, Provider } from '../../providers/provider.ts'
import type { Place } from '../config.ts'
import type { Environment } from '../env.ts'
import { isSecretKey } from '../mask.ts'
import { join } from '../report.ts'
import { child, entry, isUnset, type MapNode, type Node, text } from '../tree.ts'
import type { Workshop } from './deployment.ts'

/**
 * `model_name: "*"` with `model: "*"`: whatever provider a request names, as far as the environment has what that
 * provider needs. It is one wildcard group for each of them, made when the file is loaded: a request chooses among
 * addresses that are known by then, and can name no other.
 */

const EVERYTHING = '*'

/** What belongs to one provider, and would be sent to all of them. */
const ONE_PROVIDERS = ['api_base', 'base_url', 'api_key', 'litellm_credential_name'] as const

/** Its members go to all of them, and a credential may be one. */
const HEADERS = ['extra_headers', 'headers'] as const

const BELONGS =
  "belongs to one provider, and model '*' is all of them: write model: openai/* (or another provider's) beside it"
const NOBODY =
  "model '*' is every provider whose key is in the environment, and there is none: set OPENAI_API_KEY, ANTHROPIC_API_KEY or the like"

const isEverything = (node: Node | undefined): boolean => text(node)?.trim() === EVERYTHING

export const isCatchAll = (node: MapNode): boolean => {
  const params = child(node, 'litellm_params')
  return (
    isEverything(child(node, 'model_name')) &&
    isEverything(child(params, 'model')) &&
    isUnset(child(params, 'custom_llm_provider'))
  )
}

const connected = (provider: Provider, env: Environment, { settings }: Workshop): Connection | undefined => {
  try {
    const made = provider.connect({
      model: `${provider.name}/*`,
      apiBase: undefined,
      apiKey: undefined,
      apiVersion: undefined,
      organization: undefined,
      extra: {},
      env,
      settings,
    })
    return made.missing === undefined ? made : undefined
  } catch {
    return undefined
  }
}

/** The environment has its key, or its address: what works without either is a server that nobody has spoken of. */
const isMeant = (provider: Provider, workshop: Workshop): boolean => {
  const own = connected(provider, workshop.environment, workshop)
  if (own === undefined) return false
  const bare = connected(provider, {}, workshop)
  return own.credentialId !== bare?.credentialId || own.baseUrl !== bare.baseUrl
}

const scalar = (value: string, place: Place): Node => ({ kind: 'scalar', value, place })

const having = (node: MapNode, key: string, value: Node): MapNode => ({
  ...node,
  entries: new Map([
    ...node.entries,
    [key, { key, place: node.entries.get(key)?.place ?? node.place, value }],
  ]),
})

/** Ids are of one deployment each: an id that the file gives is told apart by the provider's name. */
const withOwnId = (node: MapNode, provider: string): MapNode => {
  const info = child(node, 'model_info')
  const id = entry(info, 'id')
  if (info?.kind !== 'map' || id?.value.kind !== 'scalar') return node
  return having(node, 'model_info', having(info, 'id', scalar(`${id.value.value}-${provider}`, id.place)))
}

const entryFor = (node: MapNode, name: string): MapNode => {
  const params = child(node, 'litellm_params')
  const model = scalar(`${name}/*`, entry(params, 'model')?.place ?? node.place)
  const named = having(node, 'model_name', model)
  return withOwnId(
    params?.kind === 'map' ? having(named, 'litellm_params', having(params, 'model', model)) : named,
    name,
  )
}

type At = readonly [key: string, place: Place]

/** What is of one provider only, an api_key in its own place or in a header. */
const ofOne = (params: Node | undefined): readonly At[] => [
  ...ONE_PROVIDERS.flatMap((key): At[] => {
    const found = entry(params, key)
    return found === undefined ? [] : [[key, found.place]]
  }),
  ...HEADERS.flatMap(key => {
    const headers = child(params, key)
    const all = headers?.kind === 'map' ? [...headers.entries.values()] : []
    return all.filter(one => isSecretKey(one.key)).map((one): At => [join(key, one.key), one.place])
  }),
]

/** The entry once for each provider, but for those that have a wildcard of their own in the file. Faults are reported. */
export const spread = (
  node: MapNode,
  index: number,
  { written, workshop }: { readonly written: ReadonlySet<string>; readonly workshop: Workshop },
): readonly MapNode[] => {
  const { providers, report } = workshop
  const params = child(node, 'litellm_params')
  const path = join('model_list', index, 'litellm_params')
  const own = ofOne(params)
  for (const [key, place] of own) report.error(join(path, key), place, BELONGS)
  if (own.length > 0) return []
  const meant = Object.values(providers).filter(provider => isMeant(provider, workshop))
  const names = meant.map(({ name }) => name)
  const place = entry(params, 'model')?.place ?? node.place
  if (names.length === 0) report.error(join(path, 'model'), place, NOBODY)
  else
    report.differs(
      join(path, 'model'),
      place,
      `stands for ${names.map(name => `${name}/*`).join(', ')}: the providers whose key or address is in the environment now. A model without a prefix goes to the provider that is known for it`,
    )
  return names.filter(name => !written.has(`${name}/*`)).map(name => entryFor(node, name))
}
