import type { Config, Deployment, PassThroughEndpoint } from '../config/config.ts'
import { NATIVE_PREFIXES } from '../providers/native.ts'
import type { Route } from '../routes.ts'
import { endpointDeployment, nativeDeployment } from './deployment.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

const row = (name: string, method: Route['method'], path: string): Route => ({
  name,
  method,
  paths: [path],
  upstream: '*',
  body: 'raw',
  model: 'owner',
  crossing: 'never',
  because: 'a pass-through call is for one provider',
  shape: 'raw',
  streams: false,
  modes: [],
  verbatim: true,
})

/** `/openai/*` and its like: the provider's own API under the gateway's key, whatever the path. */
export const NATIVE_ROUTES: readonly Route[] = NATIVE_PREFIXES.flatMap(native =>
  METHODS.map(method => ({
    ...row(`passthrough${native.prefix.replaceAll('/', '.')}`, method, `${native.prefix}/*`),
    target: (config: Config): Deployment | undefined => nativeDeployment(native, config),
  })),
)

const serves = (endpoint: PassThroughEndpoint, path: string): string | undefined => {
  const base = endpoint.path.replace(/\/+$/, '')
  if (path === base || path === `${base}/`) return ''
  return endpoint.includeSubpath && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : undefined
}

/** Methods under which a pass-through endpoint is known; none when the path belongs to no endpoint. */
export const endpointMethods = (config: Config, path: string): readonly string[] =>
  config.general.passThroughEndpoints.some(endpoint => serves(endpoint, path) !== undefined) ? METHODS : []

/** general_settings.pass_through_endpoints, looked up per request so that a reload changes them. */
export const endpointRoute = (
  config: Config,
  method: string,
  path: string,
): { route: Route; rest: string } | undefined => {
  const verb = METHODS.find(one => one === method)
  if (verb === undefined) return undefined
  for (const endpoint of config.general.passThroughEndpoints) {
    const rest = serves(endpoint, path)
    if (rest === undefined) continue
    const route: Route = {
      ...row(`passthrough${endpoint.path.replaceAll('/', '.')}`, verb, endpoint.path),
      ...(endpoint.auth ? {} : { open: true as const }),
      ...(endpoint.forwardHeaders ? { forwardsHeaders: true as const } : {}),
      target: () => endpointDeployment(endpoint, config),
    }
    return { route, rest }
  }
  return undefined
}
