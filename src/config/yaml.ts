import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { Place } from './config.ts'
import type { Report } from './report.ts'
import type { Entry, MapNode, Node, ScalarNode } from './tree.ts'

/** A file of more values than this, aliases expanded, is refused: it is a bomb or a mistake. */
const MOST_NODES = 200_000
const DEEPEST = 64

/** What to do about each parse error. The parser's own texts quote the file, and the file may hold keys. */
const MENDS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'this alias (*name) has no anchor (&name) before it',
  BAD_INDENT: 'wrong indentation: align this line with its siblings, or indent it under its parent',
  BAD_DQ_ESCAPE: "unknown escape in double quotes: write '\\\\' for a backslash, or use single quotes",
  BAD_SCALAR_START: 'a plain value cannot start with this character: put the value in quotes',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside [ ] or { }',
  BLOCK_AS_IMPLICIT_KEY:
    "this value holds another ': ': put it in quotes, or mend the indentation of the next line",
  MISSING_CHAR: 'a quote, bracket, comma or colon is missing here',
  MULTIPLE_DOCS: "the file holds several documents: remove the second '---'",
  TAB_AS_INDENT: 'a tab is used for indentation: YAML allows only spaces',
  MULTILINE_IMPLICIT_KEY: "this key runs over several lines: is a ':' missing?",
  UNEXPECTED_TOKEN: 'this does not belong here: is the line above complete?',
}

class TooBig extends Error {}

type Reading = {
  readonly document: Document.Parsed
  readonly report: Report
  readonly placeAt: (offset: number | undefined) => Place
  /** Anchors already read, with the number of values under each. */
  readonly anchors: Map<string, { readonly node: Node; readonly size: number }>
  size: number
}

/**
 * Parses one file into a tree with places. Errors go to the report, never thrown; undefined when there were any
 * or the file is empty. PyYAML's yes/no/on/off are booleans here too, because these files were written for it.
 */
export const parseYaml = (source: string, file: string, report: Report): Node | undefined => {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const placeAt = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0)
    return Object.freeze({ file, line: Math.max(1, line), column: Math.max(1, col) })
  }
  for (const fault of document.errors)
    report.error(
      '',
      placeAt(fault.pos[0]),
      `${file} is not valid YAML: ${MENDS[fault.code] ?? wording(fault.code)}`,
    )
  for (const fault of document.warnings)
    report.warning('', placeAt(fault.pos[0]), `${file}: ${MENDS[fault.code] ?? wording(fault.code)}`)
  if (document.errors.length > 0) return undefined
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    report.error('', placeAt(0), `${file} is empty: it needs at least a model_list`)
    return undefined
  }
  const reading: Reading = { document, report, placeAt, anchors: new Map(), size: 0 }
  const before = report.notices().length
  try {
    const node = read(reading, document.contents, 0)
    const broken = report
      .notices()
      .slice(before)
      .some(notice => notice.level === 'error')
    return broken ? undefined : node
  } catch (error) {
    if (!(error instanceof TooBig)) throw error
    report.error('', placeAt(0), error.message)
    return undefined
  }
}

const wording = (code: string): string => `${code.toLowerCase().replaceAll('_', ' ')}`

const grow = (reading: Reading, by: number): void => {
  reading.size += by
  if (reading.size > MOST_NODES)
    throw new TooBig(
      `more than ${MOST_NODES} values (aliases expanded): split the file or remove the aliases`,
    )
}

const read = (reading: Reading, source: ParsedNode, depth: number): Node => {
  if (depth > DEEPEST) throw new TooBig(`nested deeper than ${DEEPEST} levels`)
  if (isAlias(source)) return readAlias(reading, source.source, source.range[0])
  const before = reading.size
  grow(reading, 1)
  const node = readValue(reading, source, depth)
  // An anchor is known only after its node is whole, so an alias inside its own anchor cannot loop.
  if (source.anchor) reading.anchors.set(source.anchor, { node, size: reading.size - before })
  return node
}

const readValue = (reading: Reading, source: ParsedNode, depth: number): Node => {
  const place = reading.placeAt(source.range[0])
  if (isMap(source)) return readMap(reading, source as YAMLMap.Parsed, depth)
  if (isSeq(source)) {
    const items = (source as YAMLSeq.Parsed).items.map(item => read(reading, item as ParsedNode, depth + 1))
    return { kind: 'list', items, place }
  }
  return readScalar(source as Scalar.Parsed, place)
}

const readAlias = (reading: Reading, name: string, offset: number): Node => {
  const known = reading.anchors.get(name)
  if (known) {
    grow(reading, known.size)
    return known.node
  }
  const place = reading.placeAt(offset)
  reading.report.error('', place, MENDS.BAD_ALIAS ?? '')
  return { kind: 'scalar', value: null, place }
}

const PYTHON_BOOLEAN = /^(?:(yes|Yes|YES|on|On|ON)|no|No|NO|off|Off|OFF)$/
const PYTHON_INTEGER = /^[-+]?\d+(?:_\d+)+$/

const readScalar = (source: Scalar.Parsed, place: Place): ScalarNode => {
  const value: unknown = source.value
  if (source.type === 'PLAIN' && typeof value === 'string') {
    const boolean = PYTHON_BOOLEAN.exec(value)
    if (boolean) return { kind: 'scalar', value: boolean[1] !== undefined, place }
    if (PYTHON_INTEGER.test(value)) return { kind: 'scalar', value: Number(value.replaceAll('_', '')), place }
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean')
    return { kind: 'scalar', value, place }
  // Infinity and NaN have no JSON form; as text they meet the number checks with a place.
  if (typeof value === 'number')
    return { kind: 'scalar', value: Number.isFinite(value) ? value : String(value), place }
  return { kind: 'scalar', value: String(value), place }
}

const readMap = (reading: Reading, source: YAMLMap.Parsed, depth: number): MapNode => {
  const entries = new Map<string, Entry>()
  const merged: Node[] = []
  for (const pair of source.items as Pair<ParsedNode, ParsedNode | null>[]) {
    const place = reading.placeAt(pair.key.range?.[0])
    const key = isScalar(pair.key) ? String(pair.key.value ?? 'null') : undefined
    if (key === undefined) {
      reading.report.error('', place, 'a key must be one word or text')
      continue
    }
    const value: Node = pair.value
      ? read(reading, pair.value, depth + 1)
      : { kind: 'scalar', value: null, place }
    if (key === '<<') {
      merged.push(...(value.kind === 'list' ? value.items : [value]))
      continue
    }
    const first = entries.get(key)
    if (first) {
      reading.report.error(
        key,
        place,
        `${key} is written twice (first on line ${first.place.line}): keep one of them`,
      )
      continue
    }
    entries.set(key, { key, place, value })
  }
  mergeInto(reading, entries, merged)
  return { kind: 'map', entries, place: reading.placeAt(source.range[0]) }
}

/** YAML merge keys: what is written wins, then the earlier map of the list. */
const mergeInto = (reading: Reading, entries: Map<string, Entry>, merged: readonly Node[]): void => {
  for (const node of merged) {
    if (node.kind !== 'map') {
      reading.report.error('<<', node.place, "'<<' merges maps: point it at an anchor that is a map")
      continue
    }
    for (const [key, below] of node.entries) if (!entries.has(key)) entries.set(key, below)
  }
}
