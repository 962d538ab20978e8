import type { Config, Deployment, GeneralSettings, ModelInfo, RouterSettings } from '../config/config.ts'
import { FAILOVER_DEFAULTS } from '../config/sections/failover.ts'
import { sortPatterns } from '../config/sections/patterns.ts'
import { NO_PHASES } from '../config/sections/phases.ts'
import type { ExceptionName, Failure, FailureClass } from '../failure.ts'
import type { Connection, Provider } from '../providers/provider.ts'
import { ROUTES, type Route } from '../routes.ts'
import { createBoard, type MemoryBoard } from '../shared/board.ts'
import { seededDice, type VirtualClock, virtualClock } from '../shared/clock.ts'
import type { Candidate, Choice, Wish } from './wish.ts'

/** Small stand-ins for tests of selection and live state: values as the loader would make them, nothing behind them. */

const connection: Connection = {
  baseUrl: 'https://upstream.test/v1',
  credentialId: 'key',
  missing: undefined,
  draft: () => {
    throw new Error('a test deployment sends nothing')
  },
  authorize: () => [],
  reading: () => ({}),
}

const provider = (name: string): Provider => ({
  name,
  exception: `${name}Exception`,
  params: [],
  connect: () => connection,
})

type DeploymentParts = Partial<Omit<Deployment, 'info' | 'provider'>> & {
  readonly id: string
  readonly info?: Partial<ModelInfo>
  /** A wildcard or prefixed model: the provider is its prefix. */
  readonly litellmModel?: string
}

/** Group `main`, model `test/<id>`, a rate-limit domain and a boundary of its own. */
export const testDeployment = (parts: DeploymentParts): Deployment => {
  const litellmModel = parts.litellmModel ?? `test/${parts.id}`
  const slash = litellmModel.indexOf('/')
  const info: ModelInfo = {
    id: parts.id,
    mode: undefined,
    baseModel: undefined,
    accessGroups: [],
    maxInputTokens: undefined,
    supportsAssistantPrefill: false,
    supportsReasoning: false,
    supportsVision: false,
    compaction: undefined,
    allowedFails: undefined,
    allowedFailsPolicy: undefined,
    cooldownMs: undefined,
    blocked: false,
    dimensions: undefined,
    raw: {},
    ...parts.info,
  }
  return {
    group: 'main',
    upstreamModel: litellmModel.slice(slash + 1),
    connection,
    domain: `domain of ${parts.id}`,
    boundary: `boundary of ${parts.id}`,
    order: undefined,
    weight: undefined,
    rpm: undefined,
    tpm: undefined,
    maxParallelRequests: undefined,
    timeoutMs: undefined,
    streamTimeoutMs: undefined,
    phases: NO_PHASES,
    numRetries: undefined,
    cooldownMs: undefined,
    region: undefined,
    tags: [],
    tagRegex: [],
    mockResponse: undefined,
    dropParams: undefined,
    additionalDropParams: [],
    allowedOpenaiParams: [],
    defaults: {},
    extraBody: {},
    extraHeaders: [],
    inputCostPerToken: undefined,
    outputCostPerToken: undefined,
    place: { file: 'config.yaml', line: 1, column: 1 },
    shown: {},
    ...parts,
    litellmModel,
    provider: provider(litellmModel.slice(0, Math.max(0, slash))),
    info,
  }
}

const ROUTER: RouterSettings = {
  strategy: 'simple-shuffle',
  strategyArgs: {},
  numRetries: 2,
  retryAfterMs: 0,
  timeoutMs: undefined,
  streamTimeoutMs: undefined,
  phases: NO_PHASES,
  learning: undefined,
  streamRecovery: 'on',
  allowedFails: undefined,
  allowedFailsPolicy: undefined,
  retryPolicy: undefined,
  modelGroupRetryPolicy: new Map(),
  hedges: undefined,
  cooldownMs: 5000,
  disableCooldowns: false,
  litellmCooldowns: false,
  failover: FAILOVER_DEFAULTS,
  maxFallbacks: 5,
  fallbacks: undefined,
  contextWindowFallbacks: undefined,
  contentPolicyFallbacks: undefined,
  defaultFallbacks: [],
  fallbackOnContentPolicy: false,
  compactionModels: undefined,
  compactionShadows: undefined,
  transcripts: undefined,
  fetchTranscripts: true,
  mirrorConversations: false,
  enablePreCallChecks: false,
  optionalPreCallChecks: new Set(),
  affinityTtlMs: 3_600_000,
  enableTagFiltering: false,
  tagFilteringMatchAny: true,
  defaultMaxParallelRequests: undefined,
}

const GENERAL: GeneralSettings = {
  masterKey: undefined,
  saltKey: undefined,
  previousSaltKeys: [],
  keyHeaderName: undefined,
  completionModel: undefined,
  allowMockTesting: false,
  disableResponsesIdSecurity: false,
  allowUnmanagedResponseIds: false,
  includeCallIdInErrorBody: false,
  forwardClientHeaders: false,
  forwardOpenaiOrgId: false,
  alwaysIncludeStreamUsage: false,
  enforceFallbackModelAccess: true,
  maxRequestBytes: 1_000_000,
  storeMaxBytes: 1_000_000,
  maxResponseBytes: 1_000_000,
  maxInFlight: undefined,
  clientHeadMs: 30_000,
  clientRequestMs: 300_000,
  clientStallMs: 60_000,
  passThroughTimeoutMs: 600_000,
  passThroughEndpoints: [],
  publicRoutes: [],
  cors: { origins: undefined, credentials: false },
}

export type ConfigParts = {
  readonly deployments: readonly Deployment[]
  readonly router?: Partial<RouterSettings>
  readonly aliases?: Readonly<Record<string, string>>
}

/** As the loader says: whoever writes one of LiteLLM's cooldown keys asks for its rules. */
const asksForCooldowns = (router: Partial<RouterSettings>): boolean =>
  ['allowedFails', 'allowedFailsPolicy', 'cooldownMs', 'disableCooldowns'].some(key => key in router)

/** A configuration as far as selection and live state read it. */
export const testConfig = ({ deployments, router = {}, aliases = {} }: ConfigParts): Config => {
  const groups = Map.groupBy(deployments, deployment => deployment.group)
  return {
    deployments,
    groups: new Map([...groups].filter(([name]) => !name.includes('*'))),
    patterns: sortPatterns(groups),
    aliases: new Map(Object.entries(aliases).map(([name, group]) => [name, { group, hidden: false }])),
    byId: new Map(deployments.map(deployment => [deployment.id, deployment])),
    router: { ...ROUTER, litellmCooldowns: asksForCooldowns(router), ...router },
    litellm: {
      requestTimeoutMs: 6_000_000,
      dropParams: false,
      exposeRouterDebugInErrors: true,
      ssePingMs: undefined,
      turnOffMessageLogging: false,
    },
    general: GENERAL,
    notices: [],
    redis: undefined,
    files: [],
  }
}

export const testRoute = (name: string): Route => {
  const route = ROUTES.find(row => row.name === name)
  if (route === undefined) throw new Error(`no route is named ${name}`)
  return route
}

export const candidatesOf = (deployments: readonly Deployment[]): readonly Candidate[] =>
  deployments.map(deployment => ({ deployment, model: deployment.upstreamModel }))

export const testWish = (deployments: readonly Deployment[], parts: Partial<Wish> = {}): Wish => ({
  route: testRoute('chat.completions'),
  group: 'main',
  candidates: candidatesOf(deployments),
  stream: false,
  promptBytes: 100,
  countTokens: () => 25,
  tags: [],
  userAgent: '',
  allowedRegion: undefined,
  keyHash: 'caller',
  sessionId: undefined,
  cachePrefix: undefined,
  wantsResponseFormat: false,
  pin: undefined,
  origin: undefined,
  ignoreCooldown: false,
  ...parts,
})

const NAMES: Readonly<Partial<Record<FailureClass, readonly [status: number, exception: ExceptionName]>>> = {
  caller_fault: [400, 'BadRequestError'],
  content_policy: [400, 'ContentPolicyViolationError'],
  context_window: [400, 'ContextWindowExceededError'],
  credential: [401, 'AuthenticationError'],
  quota: [429, 'RateLimitError'],
  rate_limit: [429, 'RateLimitError'],
  model_gone: [404, 'NotFoundError'],
  overloaded: [503, 'ServiceUnavailableError'],
  timeout_connect: [408, 'Timeout'],
  timeout_headers: [408, 'Timeout'],
  timeout_first_token: [408, 'Timeout'],
  timeout_idle: [408, 'Timeout'],
  timeout_attempt: [408, 'Timeout'],
  timeout_total: [408, 'Timeout'],
  timeout_client: [408, 'Timeout'],
}

/** A failure of a class, with the status and exception it usually has. */
export const testFailure = (kind: FailureClass, parts: Partial<Failure> = {}): Failure => {
  const [status, exception] = NAMES[kind] ?? [500, 'InternalServerError']
  return {
    class: kind,
    status,
    exception,
    message: `litellm.${exception}: made for a test`,
    type: null,
    param: null,
    code: null,
    retryAfterMs: undefined,
    detail: undefined,
    possiblyBilled: false,
    ...parts,
  }
}

export type Bench = VirtualClock & {
  readonly config: Config
  readonly board: MemoryBoard
  readonly dice: ReturnType<typeof seededDice>
  /** One attempt at a deployment, ended at once. */
  readonly attempt: (id: string, end: 'ok' | Failure) => void
  /** Takes effect as a reload does. */
  readonly reload: (config: Config) => void
}

/** A board in virtual time with a configuration that can be exchanged. */
export const testBench = (parts: ConfigParts, seed = 1): Bench => {
  const time = virtualClock()
  const dice = seededDice(seed)
  let config = testConfig(parts)
  const board = createBoard({ clock: time.clock, dice, config: () => config })
  const attempt = (id: string, end: 'ok' | Failure) => {
    const deployment = config.byId.get(id)
    if (deployment === undefined) throw new Error(`no deployment ${id}`)
    const lease = board.admit(deployment, deployment.group, new AbortController().signal)
    if (lease instanceof Promise) throw new Error(`${id} has no free slot`)
    if (end === 'ok')
      lease.settle({ kind: 'success', usage: undefined, totalMs: 100, firstTokenMs: undefined })
    else lease.settle({ kind: 'failure', failure: end, totalMs: 100 })
  }
  return {
    ...time,
    board,
    dice,
    attempt,
    get config() {
      return config
    },
    reload: next => {
      config = next
      board.keep(new Set(next.byId.keys()))
    },
  }
}

/** The id that was picked; fails the test with the reason when nothing was. */
export const pickedId = (choice: Choice): string => {
  if (choice.kind === 'nothing') throw new Error(`nothing picked (${choice.reason}): ${choice.message}`)
  return choice.candidate.deployment.id
}
