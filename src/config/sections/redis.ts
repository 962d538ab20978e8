import type { output } from 'zod'
import type { Place, RedisSettings } from '../config.ts'
import type { Environment } from '../env.ts'
import { join, type Report } from '../report.ts'
import { Secret } from '../secret.ts'
import { checkShape, count, flag, text, toFlag } from '../shapes.ts'
import { child, emptyMap, entry, isUnset, type MapNode, plain } from '../tree.ts'
import { z } from '../zod.ts'

const NAMESPACE = 'understudy'
const PORT = 6379
const CACHE = 'litellm_settings.cache'

const port = count.refine(value => value >= 1 && value <= 65_535, 'must be a port number')

/** One place where a server may be described. A password may be a number in the file. */
const SERVER = z.object({
  url: text.optional(),
  host: text.optional(),
  port: port.optional(),
  username: text.optional(),
  password: text.optional(),
  db: count.optional(),
  ssl: flag.optional(),
  namespace: text.optional(),
})
type Server = output<typeof SERVER>

const ROUTER = z.object({
  redis_url: text.optional(),
  redis_host: text.optional(),
  redis_port: port.optional(),
  redis_password: text.optional(),
  redis_db: count.optional(),
  redis_ssl: flag.optional(),
  redis_namespace: text.optional(),
})

export type RedisSources = {
  readonly router: MapNode
  readonly litellm: MapNode
  readonly environment: Environment
  readonly report: Report
}

/** What the file says, and where. */
type Wish = { readonly server: Server; readonly key: string; readonly place: Place | undefined }

const only = <Value extends object>(value: Value): Value =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Value

/** A map below a section; the keys that no connection is made of are named. */
const readServer = (section: MapNode, path: readonly string[], report: Report): Server => {
  const node = child(section, path.at(-1) ?? '')
  if (node?.kind !== 'map') {
    if (node !== undefined && !isUnset(node)) report.error(join(...path), node.place, 'must be a map')
    return {}
  }
  return checkShape(SERVER, node, path, report) ?? {}
}

const routerWish = ({ router, report }: RedisSources): Wish | undefined => {
  const own = checkShape(ROUTER, router, ['router_settings'], report) ?? {}
  const more = readServer(router, ['router_settings', 'cache_kwargs'], report)
  const server = {
    ...more,
    ...only({
      url: own.redis_url,
      host: own.redis_host,
      port: own.redis_port,
      password: own.redis_password,
      db: own.redis_db,
      ssl: own.redis_ssl,
      namespace: own.redis_namespace,
    }),
  }
  if (Object.keys(server).length === 0) return undefined
  const name = ['redis_url', 'redis_host'].find(key => entry(router, key) !== undefined) ?? 'redis_host'
  return { server, key: join('router_settings', name), place: entry(router, name)?.place ?? router.place }
}

/** LiteLLM's router takes the cache's server when it has none of its own. */
const cacheWish = ({ litellm, report }: RedisSources): Wish | undefined => {
  const cache = entry(litellm, 'cache')
  if (cache === undefined || toFlag(plain(cache.value)) !== true) return undefined
  const params = child(litellm, 'cache_params') ?? emptyMap(cache.place)
  const type = entry(params, 'type')
  if (type !== undefined && plain(type.value) !== 'redis') return undefined
  const server = readServer(litellm, ['litellm_settings', 'cache_params'], report)
  return { server, key: CACHE, place: cache.place }
}

const VARIABLES = {
  url: 'REDIS_URL',
  host: 'REDIS_HOST',
  port: 'REDIS_PORT',
  username: 'REDIS_USERNAME',
  password: 'REDIS_PASSWORD',
  db: 'REDIS_DB',
  ssl: 'REDIS_SSL',
} as const

const fromEnvironment = (environment: Environment, report: Report): Server => {
  const written = Object.entries(VARIABLES).flatMap(([field, name]) => {
    const value = Object.hasOwn(environment, name) ? environment[name]?.trim() : undefined
    if (value === undefined || value === '') return []
    // What Kubernetes sets beside a service that is called redis.
    if (field === 'port' && value.startsWith('tcp://')) {
      report.warning(
        name,
        undefined,
        `environment variable ${name} is an address, not a port: it counts as not written`,
      )
      return []
    }
    return [[field, value] as const]
  })
  const result = SERVER.safeParse(Object.fromEntries(written))
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    const name = VARIABLES[issue.path[0] as keyof typeof VARIABLES]
    report.error(name, undefined, `environment variable ${name} ${issue.message}`)
  }
  return {}
}

const SCHEMES: Readonly<Record<string, boolean>> = {
  'redis:': false,
  'rediss:': true,
  'valkey:': false,
  'valkeys:': true,
}

const decoded = (part: string): string | undefined => {
  try {
    return part === '' ? undefined : decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The parts of redis://user:password@host:port/database; undefined: it is none. */
const readUrl = (written: string): Server | undefined => {
  const url = URL.parse(written)
  const ssl = url === null ? undefined : SCHEMES[url.protocol]
  const db =
    url === null ? undefined : Number(url.pathname.replace(/^\//, '') || url.searchParams.get('db') || 0)
  if (url === null || ssl === undefined || url.hostname === '' || !Number.isInteger(db)) return undefined
  return only({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    username: decoded(url.username),
    password: decoded(url.password),
    db,
    ssl,
  })
}

const complete = (server: Server, namespace: string): RedisSettings => ({
  host: server.host ?? '',
  port: server.port ?? PORT,
  tls: server.ssl ?? false,
  username: server.username,
  password: server.password === undefined ? undefined : new Secret(server.password),
  database: server.db ?? 0,
  namespace,
})

/** LiteLLM reads these variables only for a Redis that the file asks for. */
const remind = (environment: Environment, report: Report): void => {
  for (const name of ['REDIS_URL', 'REDIS_HOST'] as const)
    if ((environment[name]?.trim() ?? '') !== '')
      report.later(
        name,
        undefined,
        `environment variable ${name} is set, but the file asks for no Redis: nothing is shared over it. Write router_settings.${name.toLowerCase()}: os.environ/${name}`,
      )
}

/** The server over which instances share health: the router's, else the cache's; what the file leaves out is from the environment. */
export const readRedis = (sources: RedisSources): RedisSettings | undefined => {
  const { environment, report } = sources
  const wish = routerWish(sources) ?? cacheWish(sources)
  if (wish === undefined) {
    remind(environment, report)
    return undefined
  }
  const { server, key, place } = wish
  const more = fromEnvironment(environment, report)
  const url = server.url ?? (server.host === undefined ? more.url : undefined)
  const found = url === undefined ? { ...more, ...server } : readUrl(url)
  if (found === undefined) {
    report.error(key, place, 'the address of Redis must be redis://host:port or rediss://host:port')
    return undefined
  }
  if (found.host === undefined) {
    // That no answer is cached is in the report anyway.
    if (key !== CACHE)
      report.warning(
        key,
        place,
        'Redis is asked for, but no host is named: nothing is shared over it. Write router_settings.redis_host',
      )
    return undefined
  }
  report.differs(
    key,
    place,
    'cooldowns and what providers asked for are shared over Redis; rpm and tpm windows, latencies and affinities are still per instance, and answers are not cached',
  )
  return complete(found, server.namespace ?? NAMESPACE)
}
