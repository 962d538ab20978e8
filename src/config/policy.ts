import type { ExceptionName } from '../failure.ts'
import type { ExceptionPolicy } from './config.ts'

/** Exceptions that are also another one: an entry for the general class covers them. */
const GENERAL_CLASS: Readonly<Partial<Record<ExceptionName, ExceptionName>>> = {
  ContentPolicyViolationError: 'BadRequestError',
  ContextWindowExceededError: 'BadRequestError',
  UnsupportedParamsError: 'BadRequestError',
}

/** What a retry_policy or an allowed_fails_policy says of one exception: its own entry before the general class's. */
export const policyEntry = (
  policy: ExceptionPolicy | undefined,
  exception: ExceptionName,
): number | undefined => {
  const general = GENERAL_CLASS[exception]
  return policy?.[exception] ?? (general === undefined ? undefined : policy?.[general])
}
