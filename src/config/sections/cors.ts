import type { CorsSettings } from '../config.ts'
import { type Environment, lookUp } from '../env.ts'
import type { Report } from '../report.ts'
import { toFlag } from '../shapes.ts'
import { entry, type MapNode } from '../tree.ts'

const EVERY = '*'
/** Scheme, host and port, as browsers send it; extensions have schemes of their own. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/\s,*]+$/
const ORIGINS = 'general_settings.cors_allow_origins'
const CREDENTIALS = 'general_settings.cors_allow_credentials'

type Written = { readonly origins: readonly string[] | undefined; readonly credentials: boolean | undefined }
type Sources = { readonly node: MapNode; readonly environment: Environment; readonly report: Report }

/** What a variable says; empty: nothing. */
const variable = (environment: Environment, name: string): string | undefined => {
  const value = lookUp(environment, name)?.trim()
  return value === '' ? undefined : value
}

const asList = (text: string | undefined): readonly string[] | undefined =>
  text
    ?.split(',')
    .map(one => one.trim())
    .filter(one => one !== '')

/** A browser never sends capitals or a slash at the end, so that an origin written so would be let in by nobody. */
const spelled = (origin: string): string => origin.trim().toLowerCase().replace(/\/+$/, '')

/** cors_allow_origins and cors_allow_credentials, else what LiteLLM's variables say. */
export const readCors = (written: Written, { node, environment, report }: Sources): CorsSettings => {
  const listed = written.origins ?? asList(variable(environment, 'LITELLM_CORS_ORIGINS'))
  const place = written.origins === undefined ? undefined : entry(node, 'cors_allow_origins')?.place
  const every = listed === undefined || listed.includes(EVERY)
  const origins = every ? undefined : listed.map(spelled)
  for (const origin of origins ?? [])
    if (!ORIGIN.test(origin))
      report.error(
        ORIGINS,
        place,
        `'${origin}' is no origin: write scheme, host and port, https://app.example.com`,
      )
  const allowed = written.credentials ?? toFlag(variable(environment, 'LITELLM_CORS_ALLOW_CREDENTIALS'))
  if (allowed === true && every)
    report.warning(
      CREDENTIALS,
      entry(node, 'cors_allow_credentials')?.place,
      'has no effect while every origin is allowed: name the origins in cors_allow_origins',
    )
  return { origins, credentials: !every && allowed !== false }
}
