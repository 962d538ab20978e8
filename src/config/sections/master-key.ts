import type { Place } from '../config.ts'
import type { Environment } from '../env.ts'
import type { Report } from '../report.ts'
import { Secret } from '../secret.ts'
import { toFlag } from '../shapes.ts'
import { isUnresolved, isUnset, type MapNode } from '../tree.ts'

const KEY = 'general_settings.master_key'
const VARIABLES = ['LITELLM_MASTER_KEY', 'UNDERSTUDY_MASTER_KEY']
const PERMIT_VARIABLE = 'LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY'
/** The key of every tutorial. */
const WELL_KNOWN = 'sk-1234'
const SHORTEST = 12

const fromVariables = (environment: Environment, names: readonly string[]): string | undefined =>
  names
    .filter(name => Object.hasOwn(environment, name))
    .map(name => environment[name]?.trim())
    .filter(value => value !== undefined)
    .sort((left, right) => Number(left === '') - Number(right === ''))[0]

type Found = { readonly value: string | undefined; readonly place: Place | undefined; readonly where: string }

/** Undefined: a broken reference or not text, already reported. Never falls through to "no key". */
const find = (node: MapNode, environment: Environment, report: Report): Found | undefined => {
  const written = node.entries.get('master_key')
  if (written && isUnresolved(written.value)) {
    const name = written.value.kind === 'scalar' ? written.value.variable : ''
    report.error(
      KEY,
      written.value.place,
      `environment variable ${name} is not set: set it, or remove master_key`,
    )
    return undefined
  }
  if (!written || isUnset(written.value)) {
    const value = fromVariables(environment, VARIABLES)
    return { value, place: undefined, where: `environment variable ${VARIABLES.join(' or ')}` }
  }
  const { value } = written.value.kind === 'scalar' ? written.value : { value: undefined }
  if (typeof value !== 'string') {
    report.error(KEY, written.value.place, 'must be text: put the key in quotes')
    return undefined
  }
  return { value: value.trim(), place: written.value.place, where: 'the master key' }
}

/**
 * The administrator's key. A key that is named but missing, empty or well known is an error unless the operator
 * permits it in so many words; a key that is nowhere mentioned is made by the server.
 */
export const readMasterKey = (
  node: MapNode,
  environment: Environment,
  permitted: boolean,
  report: Report,
): Secret | undefined => {
  const found = find(node, environment, report)
  if (found === undefined) return undefined
  const { value, place, where } = found
  if (value === undefined) {
    report.differs(
      KEY,
      undefined,
      'no master key is set: one is made at the first start, printed once and kept in the data directory, and without --host the server listens on this machine only',
    )
    return undefined
  }
  const weak = value === '' ? 'is empty' : value === WELL_KNOWN ? 'is the one of every tutorial' : undefined
  if (weak !== undefined) {
    const mend = `set a long random one, for example from 'openssl rand -hex 24' with sk- in front`
    if (permitted) report.warning(KEY, place, `${where} ${weak}: anybody can use and administer this gateway`)
    else report.error(KEY, place, `${where} ${weak}: ${mend}`)
    return value === '' ? undefined : new Secret(value)
  }
  if (value.length < SHORTEST)
    report.warning(KEY, place, `${where} is shorter than ${SHORTEST} characters and can be guessed`)
  return new Secret(value)
}

export const permitsWeakKey = (written: boolean | undefined, environment: Environment): boolean =>
  written ?? toFlag(fromVariables(environment, [PERMIT_VARIABLE]) ?? false) === true

/** LITELLM_SALT_KEY; an empty one is no key. */
export const readSaltKey = (environment: Environment): Secret | undefined => {
  const value = fromVariables(environment, ['LITELLM_SALT_KEY'])
  return value === undefined || value === '' ? undefined : new Secret(value)
}

/** UNDERSTUDY_PREVIOUS_SALT_KEYS: texts with commas or white space between them, the order does not matter. */
export const readPreviousSaltKeys = (environment: Environment): readonly Secret[] =>
  (fromVariables(environment, ['UNDERSTUDY_PREVIOUS_SALT_KEYS']) ?? '')
    .split(/[\s,]+/)
    .filter(key => key !== '')
    .map(key => new Secret(key))
