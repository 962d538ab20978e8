import type { ExceptionName } from '../../failure.ts'
import type { ExceptionPolicy } from '../config.ts'
import { didYouMean, join, type Report } from '../report.ts'
import { count } from '../shapes.ts'
import { isUnset, type Node, plain, record } from '../tree.ts'

type Names = Readonly<Record<string, ExceptionName | 'Default'>>

const fields = (suffix: string, names: readonly (ExceptionName | 'Default')[]): Names =>
  record(names.map(name => [`${name === 'Timeout' ? 'TimeoutError' : name}${suffix}`, name] as const))

/** The fields of LiteLLM's RetryPolicy. */
export const RETRY_FIELDS = fields('Retries', [
  'BadRequestError',
  'AuthenticationError',
  'Timeout',
  'RateLimitError',
  'ContentPolicyViolationError',
  'InternalServerError',
  'ServiceUnavailableError',
  'NotFoundError',
  'Default',
])

/** The fields of LiteLLM's AllowedFailsPolicy. */
export const ALLOWED_FAILS_FIELDS = fields('AllowedFails', [
  'ContentPolicyViolationError',
  'BadRequestError',
  'AuthenticationError',
  'Timeout',
  'RateLimitError',
  'InternalServerError',
  'ServiceUnavailableError',
  'BadGatewayError',
  'NotFoundError',
])

/** A policy map as numbers by exception name. A misspelt field is an error: it would silently protect nothing. */
export const readPolicy = (
  node: Node | undefined,
  names: Names,
  path: readonly PropertyKey[],
  report: Report,
): ExceptionPolicy | undefined => {
  if (node === undefined || isUnset(node)) return undefined
  if (node.kind !== 'map') {
    report.error(
      join(...path),
      node.place,
      `must be a map of ${Object.keys(names)[0]} and the like to numbers`,
    )
    return undefined
  }
  const policy: Partial<Record<ExceptionName | 'Default', number>> = {}
  for (const { key, place, value } of node.entries.values()) {
    if (isUnset(value)) continue
    const name = names[key]
    if (name === undefined) {
      const fieldNames = Object.keys(names)
      const hint = didYouMean(key, fieldNames) || ` Write one of ${fieldNames.join(', ')}.`
      report.error(join(...path, key), place, `unknown field.${hint}`)
      continue
    }
    const result = count.safeParse(plain(value))
    if (result.success) policy[name] = result.data
    else report.error(join(...path, key), place, result.error.issues[0]?.message ?? 'must be a whole number')
  }
  return policy
}

/** router_settings.model_group_retry_policy: group → policy. */
export const readGroupPolicies = (
  node: Node | undefined,
  path: readonly PropertyKey[],
  report: Report,
): Map<string, ExceptionPolicy> => {
  const policies = new Map<string, ExceptionPolicy>()
  if (node === undefined || isUnset(node)) return policies
  if (node.kind !== 'map') {
    report.error(join(...path), node.place, 'must be a map of group names to retry policies')
    return policies
  }
  for (const { key, value } of node.entries.values()) {
    const policy = readPolicy(value, RETRY_FIELDS, [...path, key], report)
    if (policy) policies.set(key, policy)
  }
  return policies
}
