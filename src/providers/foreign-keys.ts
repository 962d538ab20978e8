import type { Edit } from '../wire/edit.ts'
import { mayMention } from '../wire/mentions.ts'
import type { Ask } from './provider.ts'
import { hasKey } from './same-dialect.ts'

/** What clients of the Responses API write for OpenAI itself; everybody else refuses it as unknown, or may. */
const TOP: readonly string[] = [
  'client_metadata', // Codex: who is at work, for OpenAI's statistics
  'multi_agent',
  'access_programs', // an entitlement of an OpenAI account
]
/** Keys of single input items. */
const OF_ITEMS: readonly string[] = ['internal_chat_message_metadata_passthrough', 'metadata']

const NO_EDITS: readonly Edit[] = []

const drop = (path: readonly string[]): Edit => ({ op: 'drop', path, why: 'foreign-key' })

/** allowed_openai_params, written as the keys are reported: `client_metadata`, `input[*].metadata`. */
const isAllowed = (ask: Ask, name: string): boolean => ask.allowedParams.includes(name)

const ofItems = (ask: Ask): readonly string[] => {
  if (ask.body.kind !== 'json') return []
  const { bytes, members } = ask.body.index
  const input = members.get('input')
  const replaced = ask.edits.some(edit => edit.path[0] === 'input')
  return OF_ITEMS.filter(
    name =>
      !isAllowed(ask, `input[*].${name}`) &&
      (replaced || (input !== undefined && mayMention(bytes, input, name))),
  )
}

/** OpenAI's own keys leave a body that goes to another provider of its dialect: none of them changes the answer. */
export const foreignKeys = (ask: Ask): readonly Edit[] => {
  if (ask.body.kind !== 'json' || !ask.route.upstream.startsWith('/responses')) return NO_EDITS
  const top = TOP.filter(name => hasKey(ask, name) && !isAllowed(ask, name))
  const items = ofItems(ask)
  if (top.length + items.length === 0) return NO_EDITS
  return [...top.map(name => drop([name])), ...items.map(name => drop(['input', '*', name]))]
}
