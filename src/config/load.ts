import type { Provider } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import type { Config, Notice } from './config.ts'
import { type Environment, resolveReferences, withVariables } from './env.ts'
import { loadFiles, type ReadFile, readTextFile } from './files.ts'
import { deepFreeze } from './freeze.ts'
import { rowOf } from './keys.ts'
import { makeReport, type Report } from './report.ts'
import { scanEnvironment, scanSection } from './scan.ts'
import { readAliases } from './sections/aliases.ts'
import { readCredentials } from './sections/credentials.ts'
import type { Workshop } from './sections/deployment.ts'
import { readGeneral } from './sections/general.ts'
import { checkCallbacks, checkGuardrails } from './sections/hooks.ts'
import { readLitellm } from './sections/litellm.ts'
import { type Deployments, readModelList } from './sections/model-list.ts'
import { makeNames, withAliases } from './sections/names.ts'
import { isPattern, sortPatterns } from './sections/patterns.ts'
import { readRedis } from './sections/redis.ts'
import { readRouter } from './sections/router.ts'
import { reportStandingDifferences } from './sections/standing.ts'
import { flag } from './shapes.ts'
import { child, emptyMap, entry, isUnset, type MapNode, plain, record, settings } from './tree.ts'

export type LoadOptions = {
  readonly path: string
  readonly env: Environment
  readonly providers: Readonly<Record<string, Provider>>
  /** A configuration without a master key is an error: for a gateway that is already up. */
  readonly needsKey?: boolean
  /** Methods under which the gateway itself answers a path; the default knows none. */
  readonly ownMethods?: (path: string) => readonly string[]
  /** For tests; the default reads at most 10 MB of UTF-8 from disk. */
  readonly readFile?: ReadFile
}

export type LoadResult = {
  /** Undefined when any notice is an error. */
  readonly config: Config | undefined
  readonly notices: readonly Notice[]
  /** Absolute paths, the main file first, those that could not be read included. */
  readonly files: readonly string[]
  /** Changes when the content of any file does. */
  readonly fingerprint: string
}

/**
 * Reads LiteLLM's config.yaml with its includes into one frozen Config and a load report. Never throws on bad
 * input: whatever is wrong is a notice of level 'error' with file, line, column and the mend.
 */
export const loadConfig = async (options: LoadOptions): Promise<LoadResult> => {
  const report = makeReport()
  const files = await loadFiles(options.path, options.readFile ?? readTextFile, options.env, report)
  const built = files.root && buildSafely(files.root, options, report)
  if (options.needsKey === true && built !== undefined && built.general.masterKey === undefined)
    report.error(
      'general_settings.master_key',
      undefined,
      'the master key is gone, and without it nobody could use the gateway: put it back, or restart to have one made',
    )
  const notices = Object.freeze(report.notices())
  const paths = Object.freeze(files.files)
  const accepted = built !== undefined && !report.failed()
  const config = accepted ? freeze({ ...built, notices, files: paths }) : undefined
  if (config) fingerprints.set(config, files.fingerprint)
  return { config, notices, files: paths, fingerprint: files.fingerprint }
}

const fingerprints = new WeakMap<Config, string>()

/** The fingerprint of the files a Config was read from; undefined for one that was not loaded here. */
export const fingerprintOf = (config: Config): string | undefined => fingerprints.get(config)

/** Providers and their connections are not the Config's own data and stay as they are. */
const freeze = (config: Config): Config =>
  deepFreeze(config, new Set(config.deployments.flatMap(each => [each.provider, each.connection])))

type Sections = {
  readonly root: MapNode
  readonly router: MapNode
  readonly litellm: MapNode
  readonly general: MapNode
}

const SECTIONS = ['router_settings', 'litellm_settings', 'general_settings'] as const

const sectionOf = (root: MapNode, name: (typeof SECTIONS)[number], report: Report): MapNode => {
  const written = root.entries.get(name)
  if (written === undefined || isUnset(written.value)) return emptyMap(written?.place ?? root.place)
  if (written.value.kind === 'map') {
    scanSection(name, written.value, [name], report)
    return written.value
  }
  report.error(name, written.place, 'must be a map: indent its keys below it, without a dash')
  return emptyMap(written.place)
}

const readSections = (written: MapNode, environment: Environment, report: Report): Sections => {
  // Already applied, and the only sections whose references have rules of their own.
  const entries = new Map(written.entries)
  entries.delete('environment_variables')
  entries.delete('include')
  const root = resolveReferences({ ...written, entries }, environment, report)
  if (root.kind !== 'map') throw new Error('a map resolves to a map')
  scanSection('top level', root, [], report)
  checkGuardrails(root, report)
  const [router, litellm, general] = SECTIONS.map(name => sectionOf(root, name, report))
  const empty = emptyMap(root.place)
  const sections = { root, router: router ?? empty, litellm: litellm ?? empty, general: general ?? empty }
  checkCallbacks(sections.litellm, report)
  return sections
}

const providerSettings = (litellm: MapNode): JsonObject =>
  record(
    Object.entries(settings(litellm)).filter(([key]) => rowOf('litellm_settings', key)?.provider === true),
  )

const readDeployments = (
  { root, router, litellm }: Sections,
  environment: Environment,
  { providers }: LoadOptions,
  report: Report,
): Deployments => {
  const credentials = readCredentials(child(root, 'credential_list'), report)
  const defaults = child(router, 'default_litellm_params')
  if (defaults !== undefined && defaults.kind !== 'map')
    report.error('router_settings.default_litellm_params', defaults.place, 'must be a map')
  const written = entry(router, 'ignore_invalid_deployments')
  const ignore = flag.safeParse(written === undefined ? true : plain(written.value))
  if (!ignore.success)
    report.error('router_settings.ignore_invalid_deployments', written?.place, 'must be true or false')
  const workshop: Workshop = {
    report,
    environment,
    providers,
    credentials,
    defaults: defaults?.kind === 'map' ? defaults : undefined,
    settings: providerSettings(litellm),
  }
  return readModelList(root, ignore.data ?? true, workshop)
}

/** A fault of our own must not take a running gateway down on reload. Its text may quote the file: name it only. */
const buildSafely = (
  written: MapNode,
  options: LoadOptions,
  report: Report,
): ReturnType<typeof build> | undefined => {
  try {
    return build(written, options, report)
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown error'
    report.error(
      '',
      written.place,
      `the gateway failed to read this configuration (${name}): this is a bug in it`,
    )
    return undefined
  }
}

const build = (written: MapNode, options: LoadOptions, report: Report): Omit<Config, 'notices' | 'files'> => {
  const environment = withVariables(options.env, written.entries.get('environment_variables')?.value, report)
  const sections = readSections(written, environment, report)
  const { router: routerNode, litellm: litellmNode, general: generalNode } = sections
  const deployments = readDeployments(sections, environment, options, report)
  const patterns = sortPatterns(deployments.byName)
  const known = makeNames(deployments)
  const aliases = readAliases(entry(routerNode, 'model_group_alias'), known, report)
  const names = withAliases(known, aliases)
  const litellm = readLitellm(litellmNode, environment, report)
  const longestLimitMs = Math.max(
    litellm.requestTimeoutMs,
    ...deployments.all.map(({ timeoutMs = 0, streamTimeoutMs = 0 }) => Math.max(timeoutMs, streamTimeoutMs)),
  )
  const router = readRouter({
    router: routerNode,
    litellm: litellmNode,
    environment,
    names,
    longestLimitMs,
    report,
  })
  const general = readGeneral({
    node: generalNode,
    environment,
    names,
    report,
    ownMethods: options.ownMethods,
  })
  const redis = readRedis({ router: routerNode, litellm: litellmNode, environment, report })
  const groups = new Map([...deployments.byName].filter(([name]) => !isPattern(name)))
  const config = { deployments: deployments.all, groups, patterns, aliases, byId: deployments.byId, router }
  scanEnvironment(environment, report)
  reportStandingDifferences({
    router: routerNode,
    litellm: litellmNode,
    general: generalNode,
    config,
    report,
  })
  return { ...config, litellm, general, redis }
}
