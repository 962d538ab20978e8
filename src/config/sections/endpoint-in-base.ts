import type { Provider } from '../../providers/provider.ts'
import { ROUTES } from '../../routes.ts'
import type { Place } from '../config.ts'
import { join, type Report } from '../report.ts'
import { entry, type MapNode } from '../tree.ts'

/** What the gateway puts behind an api_base by itself, the longest first: `/completions` ends `/chat/completions`, too. */
const ENDPOINTS: readonly string[] = [
  ...new Set(ROUTES.filter(route => route.model === 'body').map(route => route.upstream)),
].sort((one, other) => other.length - one.length)

type Written = {
  readonly provider: Provider
  readonly params: MapNode
  readonly path: readonly PropertyKey[]
}

const placeOf = (params: MapNode): readonly [key: string, place: Place | undefined] => {
  const base = entry(params, 'api_base')
  return base === undefined ? ['base_url', entry(params, 'base_url')?.place] : ['api_base', base.place]
}

/**
 * The address without the endpoint that people copy along from a provider's page, `https://host/v1/chat/completions`:
 * every call would go to `…/chat/completions/chat/completions`. LiteLLM takes such an address for some providers and
 * doubles it for others; here it is told. The text itself may hold a credential and is not repeated.
 */
export const withoutEndpoint = (
  apiBase: string | undefined,
  { provider, params, path }: Written,
  report: Report,
): string | undefined => {
  if (apiBase === undefined || provider.readsEndpoint === true) return apiBase
  const [address = '', query] = apiBase.trim().split('?', 2)
  const bare = address.replace(/\/+$/, '')
  const endpoint = ENDPOINTS.find(one => bare.endsWith(one))
  if (endpoint === undefined) return apiBase
  const [key, place] = placeOf(params)
  report.warning(
    join(...path, 'litellm_params', key),
    place,
    `ends in ${endpoint}, which the gateway adds itself: it is left out. Write the address without it, as ${key} serves every endpoint`,
  )
  return bare.slice(0, -endpoint.length) + (query === undefined ? '' : `?${query}`)
}
