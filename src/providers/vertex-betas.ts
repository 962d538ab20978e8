import type { Warning } from '../wire/edit.ts'
import type { Ask, HeaderPair } from './provider.ts'
import { gives } from './same-dialect.ts'

/**
 * The betas of the Messages API that Vertex AI takes. It refuses a request for any other one (`Unexpected value(s) … for
 * the `anthropic-beta` header`), and coding agents ask for several in every turn. Source: LiteLLM's
 * anthropic_beta_headers_config.json (November 2026).
 */
const BETAS: ReadonlySet<string> = new Set([
  'compact-2026-01-12',
  'compact-2026-09-04',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'dangerous-tool-use-2026-09-03',
  'interleaved-thinking-2025-05-14',
  'per-turn-control-2026-07-01',
  'thinking-binding-controls-2026-08-01',
  'thinking-display-updates-2026-08-18',
  'tool-search-tool-2025-10-19',
  'web-search-2025-03-05',
])

/** Where one has another name. */
const RENAMED: Readonly<Record<string, string>> = {
  'advanced-tool-use-2025-11-20': 'tool-search-tool-2025-10-19',
}

const NAME = 'anthropic-beta'

/**
 * The headers with the betas that go along, and what stays behind. A beta in allowed_openai_params goes whatever is known of
 * it, and those of `extra_headers` as they are written.
 */
export const withTakenBetas = (
  headers: readonly HeaderPair[],
  { allowedParams, operatorHeaders = [] }: Pick<Ask, 'allowedParams' | 'operatorHeaders'>,
): { readonly headers: readonly HeaderPair[]; readonly warnings: readonly Warning[] } => {
  const asked = headers
    .filter(([name]) => name === NAME)
    .flatMap(([, value]) => value.split(','))
    .map(beta => beta.trim())
    .filter(beta => beta !== '')
  if (asked.length === 0 || gives(operatorHeaders, NAME)) return { headers, warnings: [] }
  const taken = new Set<string>()
  const warnings: Warning[] = []
  for (const beta of asked) {
    const name = allowedParams.includes(beta) ? beta : (RENAMED[beta] ?? beta)
    if (allowedParams.includes(beta) || BETAS.has(name)) taken.add(name)
    else warnings.push({ lost: `${NAME}: ${beta}`, because: 'Vertex AI does not know it' })
  }
  const others = headers.filter(([name]) => name !== NAME)
  return { headers: taken.size === 0 ? others : [...others, [NAME, [...taken].join(',')]], warnings }
}
