import type { Deployment } from '../config.ts'

/** More than this, and matching a hostile name could cost too much: each star multiplies the ways to match. */
export const MOST_STARS = 4

export const isPattern = (name: string): boolean => name.includes('*')

/** The characters Python's re.escape puts a backslash before. */
const PYTHON_SPECIAL = /[()[\]{}?*+\-|^$\\.&~# \t\n\r\v\f]/g
const RANKED = new Set(['*', '+', '?', '\\', '^', '$', '|', '(', ')'])

/** LiteLLM's own text of the pattern: its length and special characters decide which pattern is asked first. */
const pythonPattern = (name: string): string => name.replace(PYTHON_SPECIAL, '\\$&').replaceAll('\\*', '(.*)')

/** Anchored at the start and not at the end, as in LiteLLM. Each star is one capture. */
export const compilePattern = (name: string): RegExp =>
  new RegExp(
    `^${name
      .split('*')
      .map(piece => piece.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
      .join('(.*)')}`,
  )

const rank = (name: string): readonly [length: number, special: number] => {
  const pattern = pythonPattern(name)
  return [pattern.length, [...pattern].filter(character => RANKED.has(character)).length]
}

export type Pattern = { readonly pattern: RegExp; readonly deployments: readonly Deployment[] }

/** Wildcard groups, longest first, then most special characters, then file order. */
export const sortPatterns = (groups: ReadonlyMap<string, readonly Deployment[]>): Pattern[] =>
  [...groups]
    .filter(([name]) => isPattern(name))
    .map(([name, deployments]) => ({ pattern: compilePattern(name), deployments, rank: rank(name) }))
    .sort((left, right) => right.rank[0] - left.rank[0] || right.rank[1] - left.rank[1])
    .map(({ pattern, deployments }) => ({ pattern, deployments }))
