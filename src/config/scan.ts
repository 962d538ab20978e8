import type { Json } from '../wire/json.ts'
import type { Place } from './config.ts'
import type { Environment } from './env.ts'
import {
  isRequestParameter,
  isWithoutEffect,
  requestParameters,
  rowOf,
  rowsOf,
  type SectionName,
} from './keys.ts'
import { isStraySecret } from './mask.ts'
import { didYouMean, join, nearest, type Report } from './report.ts'
import { isUnset, type MapNode, plain } from './tree.ts'

/** Looks every key of one section up, so that nothing in the file is ignored without a line in the report. */
export const scanSection = (
  section: SectionName,
  node: MapNode,
  path: readonly PropertyKey[],
  report: Report,
): void => {
  for (const { key, place, value } of node.entries.values()) {
    if (isUnset(value)) continue
    const row = rowOf(section, key)
    const name = join(...path, key)
    if (!row) scanUnknown(section, key, { name, place, value: plain(value) }, report)
    else if (row.status === 'honoured' || isWithoutEffect(row, plain(value))) continue
    else if (row.status === 'refused') report.error(name, place, row.text)
    else report.say(row.status, name, place, row.text)
  }
}

const scanUnknown = (
  section: SectionName,
  key: string,
  at: { readonly name: string; readonly place: Place; readonly value: Json },
  report: Report,
): void => {
  // A family of keys is no key that could be written.
  const known = [...rowsOf(section).keys()].filter(name => !name.includes('*'))
  if (section === 'model_info') {
    // Free keys are welcome here, so only a near miss is worth a line.
    const guess = nearest(key, known)
    if (guess !== undefined)
      report.warning(at.name, at.place, `${key} has no meaning of its own. Did you mean ${guess}?`)
  } else if (section === 'litellm_params') {
    if (isRequestParameter(key)) return
    const hint = didYouMean(key, [...known, ...requestParameters()])
    const effect = isStraySecret(key, at.value)
      ? 'by its name it is a secret, so it is sent to nobody.'
      : 'it is sent to the provider as a request parameter.'
    report.warning(at.name, at.place, `${key} is not known here: ${effect}${hint}`)
  } else report.warning(at.name, at.place, `unknown key: it has no effect.${didYouMean(key, known)}`)
}

/** Names the environment variables that LiteLLM reads and this version does not. */
export const scanEnvironment = (environment: Environment, report: Report): void => {
  for (const row of rowsOf('environment').values()) {
    const value = Object.hasOwn(environment, row.key) ? environment[row.key] : undefined
    if (row.status === 'later' && value !== undefined && value.trim() !== '')
      report.later(row.key, undefined, `environment variable ${row.key} is set. ${row.text}`)
  }
}
