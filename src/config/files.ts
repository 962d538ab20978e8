import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { Place } from './config.ts'
import { type Environment, lookUp, referenceOf } from './env.ts'
import { join, type Report } from './report.ts'
import { type Entry, isUnset, type MapNode, type Node } from './tree.ts'
import { parseYaml } from './yaml.ts'

export const LARGEST_FILE_BYTES = 10 * 1024 * 1024
export const MOST_INCLUDES = 64

/** Resolves to a file's text; rejects with a Node system error, or with any Error whose message says why. */
export type ReadFile = (path: string) => Promise<string>

export type Files = {
  /** The main file with its includes merged in; undefined when any of them could not be read. */
  readonly root: MapNode | undefined
  /** Absolute paths, the main file first; a file that could not be read is in it, so that a watcher sees it appear. */
  readonly files: readonly string[]
  /** Changes when the content of any file does. */
  readonly fingerprint: string
}

/** Reads at most LARGEST_FILE_BYTES, whatever kind of file it is. */
export const readTextFile: ReadFile = async path => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of createReadStream(path, { end: LARGEST_FILE_BYTES }) as AsyncIterable<Buffer>) {
    size += chunk.length
    chunks.push(chunk)
  }
  if (size > LARGEST_FILE_BYTES) throw new Error('the file is larger than 10 MB')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new Error('the file is not UTF-8 text: save it as UTF-8')
  }
}

type Walk = {
  readonly readFile: ReadFile
  readonly environment: Environment
  readonly report: Report
  readonly folder: string
  readonly files: string[]
  readonly hash: ReturnType<typeof createHash>
}

/** Reads the main file and everything it includes, depth first. Never throws. */
export const loadFiles = async (
  path: string,
  readFile: ReadFile,
  environment: Environment,
  report: Report,
): Promise<Files> => {
  const main = resolve(path)
  const walk: Walk = {
    readFile,
    environment,
    report,
    folder: dirname(main),
    files: [],
    hash: createHash('sha256'),
  }
  const root = await loadOne(walk, main, { key: '', place: undefined }, [])
  const failed = report.failed()
  return { root: failed ? undefined : root, files: walk.files, fingerprint: walk.hash.digest('hex') }
}

type Mention = { readonly key: string; readonly place: Place | undefined }

const shortName = (walk: Walk, path: string): string => relative(walk.folder, path)

const loadOne = async (
  walk: Walk,
  path: string,
  mention: Mention,
  chain: readonly string[],
): Promise<MapNode | undefined> => {
  walk.files.push(path)
  const name = shortName(walk, path)
  const source = await readSource(walk, path, mention)
  walk.hash.update(JSON.stringify([name, source ?? null]))
  if (source === undefined) return undefined
  const node = parseYaml(source, name, walk.report)
  if (node === undefined) return undefined
  if (node.kind !== 'map') {
    walk.report.error(
      '',
      node.place,
      `${name} must be a map with keys like model_list, not a list or a single value`,
    )
    return undefined
  }
  return withIncludes(walk, node, path, [...chain, path])
}

const readSource = async (walk: Walk, path: string, mention: Mention): Promise<string | undefined> => {
  const name = shortName(walk, path)
  try {
    const source = await walk.readFile(path)
    if (Buffer.byteLength(source) <= LARGEST_FILE_BYTES) return source
    walk.report.error(mention.key, mention.place, `cannot read ${name}: the file is larger than 10 MB`)
  } catch (error) {
    walk.report.error(mention.key, mention.place, `cannot read ${name}: ${reasonOf(error)}`)
  }
  return undefined
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of the path is not a folder',
}

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? (code !== '' ? code : error instanceof Error ? error.message : 'unknown error')
}

const withIncludes = async (
  walk: Walk,
  node: MapNode,
  path: string,
  chain: readonly string[],
): Promise<MapNode> => {
  const include = node.entries.get('include')
  if (include === undefined || isUnset(include.value)) return node
  let merged: MapNode = node
  const items = include.value.kind === 'list' ? include.value.items : [include.value]
  for (const [index, item] of items.entries()) {
    const mention: Mention = { key: join('include', index), place: item.place }
    const target = includeTarget(walk, item, path, { mention, chain })
    if (target === undefined) continue
    const included = await loadOne(walk, target, mention, chain)
    if (included) merged = merge(walk, merged, included)
  }
  return merged
}

const includeTarget = (
  walk: Walk,
  item: Node,
  from: string,
  at: { readonly mention: Mention; readonly chain: readonly string[] },
): string | undefined => {
  const { report, files } = walk
  const { key, place } = at.mention
  const written = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined
  const reference = written === undefined ? undefined : referenceOf(written)
  const value = reference === undefined ? written : lookUp(walk.environment, reference)
  if (value === undefined || value.trim() === '') {
    const why =
      reference === undefined
        ? 'must be the path of a YAML file'
        : `environment variable ${reference} is not set`
    report.error(key, place, why)
    return undefined
  }
  const target = resolve(dirname(from), value.trim())
  if (at.chain.includes(target)) {
    const circle = [...at.chain.slice(at.chain.indexOf(target)), target].map(each => shortName(walk, each))
    report.error(key, place, `files include each other in a circle: ${circle.join(' → ')}`)
    return undefined
  }
  if (files.includes(target)) {
    report.warning(
      key,
      place,
      `${shortName(walk, target)} is already included: the second time changes nothing`,
    )
    return undefined
  }
  if (files.length > MOST_INCLUDES) {
    report.error(key, place, `more than ${MOST_INCLUDES} included files`)
    return undefined
  }
  return target
}

/** Lists grow at their end; a section gains the keys it lacks. What the including file says wins. */
const merge = (walk: Walk, over: MapNode, under: MapNode): MapNode => {
  const entries = new Map(over.entries)
  for (const [key, below] of under.entries) {
    if (key === 'include') continue
    const above = entries.get(key)
    entries.set(key, above && !isUnset(above.value) ? mergeEntry(walk, above, below) : below)
  }
  return { ...over, entries }
}

const mergeEntry = (walk: Walk, above: Entry, below: Entry): Entry => {
  if (isUnset(below.value)) return above
  const { value: over } = above
  const { value: under } = below
  if (over.kind === 'list' && under.kind === 'list')
    return { ...above, value: { ...over, items: [...over.items, ...under.items] } }
  if (over.kind !== 'map' || under.kind !== 'map') {
    walk.report.warning(above.key, below.place, `already written in ${over.place.file}, which wins`)
    return above
  }
  const entries = new Map(over.entries)
  for (const [key, each] of under.entries) {
    const first = entries.get(key)
    if (!first || isUnset(first.value)) entries.set(key, each)
    else if (!isUnset(each.value))
      walk.report.differs(
        join(above.key, key),
        each.place,
        `already written in ${first.place.file}:${first.place.line}, which wins; LiteLLM lets the included file's ${above.key} replace the whole section`,
      )
  }
  return { ...above, value: { ...over, entries } }
}
