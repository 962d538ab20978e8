import { meaningful } from '../dialects/meaning.ts'
import type { Edit } from '../wire/edit.ts'
import { type Ask, Unsupported } from './provider.ts'
import { hasKey } from './same-dialect.ts'

/** LiteLLM's UnsupportedParamsError text: clients match on it. */
export const unsupportedText = (provider: string, model: string, names: readonly string[]): string => {
  const list = names.map(name => `'${name}'`).join(', ')
  return (
    `${provider} does not support parameters: [${list}], for model=${model}. ` +
    'To drop these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n' +
    `. \n If you want to use these params dynamically send allowed_openai_params=[${list}] in your request.`
  )
}

const NO_EDITS: readonly Edit[] = []

/** Chat parameters this provider is known to refuse are dropped by name; of those with a meaning only under drop_params, else Unsupported. */
export const dropUnsupported = (
  ask: Ask,
  provider: string,
  unsupported: readonly string[],
): readonly Edit[] => {
  if (unsupported.length === 0 || ask.route.name !== 'chat.completions') return NO_EDITS
  const found = unsupported.filter(name => hasKey(ask, name) && !ask.allowedParams.includes(name))
  if (found.length === 0) return NO_EDITS
  const weighty = ask.dropParams ? [] : meaningful(found, ask.route.shape)
  if (weighty.length > 0)
    throw new Unsupported(unsupportedText(provider, ask.model, weighty), weighty[0] ?? null)
  return found.map(name => ({ op: 'drop', path: [name], why: 'drop-params' }))
}
