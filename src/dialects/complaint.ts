import { limitSaid, type SaidLimit } from './answer-limit.ts'
import type { CallIdForm } from './call-id-edits.ts'
import { formSaid, type ThinkingForm } from './thinking-form.ts'

/**
 * What a provider says is wrong with a request, where the gateway can mend it. The sources are the words of OpenAI,
 * Azure OpenAI, Groq, Cerebras, Mistral, Fireworks, Together, xAI, Gemini, Bedrock, vLLM, SGLang, TGI and Ollama, from
 * their documentation and public issues.
 */
export type Complaint =
  | {
      /** Parameters that it does not know, or does not take. */
      readonly kind: 'parameter'
      /** Each as keys and decimal indexes from the top, as far as the provider said it. */
      readonly paths: readonly (readonly string[])[]
      /** The place was told in the words of a schema: names of its parts may stand between the keys. */
      readonly loose: boolean
      /** The parameter would be taken with another value. */
      readonly ofValue: boolean
      /** It would be taken in another request: beside other parameters, or without them. */
      readonly conditional: boolean
    }
  /** An input item lacks an id. */
  | { readonly kind: 'item-id'; readonly at: number }
  /** An input item of this id is kept nowhere that this provider knows. */
  | { readonly kind: 'kept-item'; readonly id: string }
  /** Encrypted content that this provider cannot read. */
  | { readonly kind: 'ciphertext' }
  /** A signature of a thought that this provider has not given, or not in this form. */
  | { readonly kind: 'signature' }
  /** The id of a tool call has not the form that this provider takes. */
  | { readonly kind: 'call-id'; readonly form: CallIdForm }
  /** The model thinks in another form than the one that was written. */
  | { readonly kind: 'thinking'; readonly form: ThinkingForm }
  /** The limit of the answer is above what the model gives. */
  | { readonly kind: 'answer-limit'; readonly limit: SaidLimit }

/** An error of a provider: `message` with or without the gateway's own words before it. */
export type Said = {
  readonly code: string | null
  readonly param: string | null
  readonly message: string
}

const DEEPEST = 12
const KEY = /^[\w$-]{1,64}$/
/** A path in a text: no white space, no quotes, nothing that ends one. */
const PATH = String.raw`([\w$.\-[\]]{1,200})`
const QUOTED = String.raw`['"\u0060]${PATH}['"\u0060]`

/** `input[270].metadata`, `messages.0.name`, `body.user` as keys; undefined: no path that a body can have. */
const keysOf = (text: string): readonly string[] | undefined => {
  const keys = text
    .replace(/\[['"]?(\w+)['"]?\]/g, '.$1')
    .split('.')
    .filter((key, at) => key !== '' && !(at === 0 && key === 'body'))
  return keys.length > 0 && keys.length <= DEEPEST && keys.every(key => KEY.test(key)) ? keys : undefined
}

/** Names of a list: `a, b and 'c'`. */
const listOf = (text: string): readonly string[] =>
  text
    .split(/,| and /)
    .map(name => name.replace(/['"`.\s]/g, ''))
    .filter(name => name !== '')

/** A line for each name, as Cerebras writes them: `body.store: property 'body.store' is unsupported`. */
const UNSUPPORTED_LINE = new RegExp(`^${PATH}: property ${QUOTED} is unsupported`, 'i')

const inUnsupportedLines = (match: RegExpExecArray): readonly string[] =>
  match.input
    .split('\n')
    .map(line => UNSUPPORTED_LINE.exec(line)?.[1] ?? '')
    .filter(name => name !== '')

type Reading = {
  readonly pattern: RegExp
  /** The names in a match. Default: its first group. */
  readonly names?: (match: RegExpExecArray) => readonly string[]
  readonly loose?: true
  readonly ofValue?: true
}

/** What a schema library says for each key too many, one after the other: `body.user: Extra inputs are not permitted`. */
const EXTRA = /(?:extra inputs are not permitted|extra fields not permitted)/i

const inSchemaLines = (match: RegExpExecArray): readonly string[] =>
  match.input
    .split('; ')
    .map(line => new RegExp(`^${PATH}: ${EXTRA.source}`, 'i').exec(line)?.[1] ?? '')
    .filter(name => name !== '')

/**
 * Every pattern is bound to the beginning of the text. What follows may be the caller's own words: nobody is to have
 * the parameters of others dropped by what he writes into a prompt.
 */
const READINGS: readonly Reading[] = [
  { pattern: new RegExp(`^(?:unknown|unsupported|unrecognized|unexpected) parameters?: ${QUOTED}`, 'i') },
  { pattern: new RegExp(`^unsupported value: ${QUOTED}`, 'i'), ofValue: true },
  // Groq.
  { pattern: new RegExp(`^${QUOTED} is not supported (?:with|by|for|on) this model`, 'i') },
  { pattern: UNSUPPORTED_LINE, names: inUnsupportedLines, loose: true },
  // Groq, of thoughts that go back to a model without any: `messages[2].reasoning: reasoning is not supported with this model`.
  { pattern: /^(messages\[\d{1,6}\]\.[\w$-]{1,64}): [\w$-]{1,64} is not supported with this model/i },
  // How much to think has other words at every provider, and at some for every model.
  {
    pattern: /^['"`]?(reasoning_effort)['"`]? (?:must be one of|: value is not one of the allowed values)\b/i,
    ofValue: true,
  },
  {
    pattern:
      /^(?:\d+ validation errors?:\s*)?\[?\{'type': 'literal_error', 'loc': \('body', '(reasoning_effort)'\)/,
    ofValue: true,
  },
  // DeepSeek.
  {
    pattern:
      /^failed to deserialize the json body into the target type: (reasoning_effort): unknown variant\b/i,
    ofValue: true,
  },
  // Ollama, of a level of thinking, and of a model that has none.
  {
    pattern: /^think value [^\n]{1,40} is not supported\b/i,
    names: () => ['reasoning_effort'],
    ofValue: true,
  },
  { pattern: /^"[^"\n]{1,200}" does not support thinking$/i, names: () => ['reasoning_effort'] },
  // Fireworks.
  { pattern: /^invalid reasoning effort: /i, names: () => ['reasoning_effort'], ofValue: true },
  // Anthropic.
  {
    pattern: /^this model does not support the [`'"]?effort[`'"]? parameter/i,
    names: () => ['output_config.effort'],
  },
  {
    pattern: /^unrecognized request arguments? supplied: ([^\n]{1,400})/i,
    names: match => listOf(match[1] ?? ''),
  },
  { pattern: new RegExp(`^${PATH}: ${EXTRA.source}`, 'i'), names: inSchemaLines, loose: true },
  { pattern: new RegExp(`^extra inputs are not permitted, field: ${QUOTED}`, 'i'), loose: true },
  // A list of Python's, told as it stands: the place of its first entry.
  {
    pattern: /^(?:\d+ validation errors?:\s*)?\[?\{'type': 'extra_forbidden', 'loc': \(([^()]{1,300})\)/,
    names: match => [listOf(match[1] ?? '').join('.')],
    loose: true,
  },
  // Its older form, on lines.
  {
    pattern: new RegExp(
      `^\\d+ validation errors? for [\\w ]{1,80}\\n${PATH}(?: -> ${PATH})?\\s+${EXTRA.source}`,
      'i',
    ),
    names: match => [[match[1], match[2]].filter(part => part !== undefined).join('.')],
    loose: true,
  },
  {
    pattern: new RegExp(
      `^(?:'[\\w.\\[\\]]{1,80}' ?: for 'role:\\w{1,20}' the following must be satisfied\\[\\()?(?:${QUOTED} ?: )?property ${QUOTED} is unsupported`,
      'i',
    ),
    names: match => [[match[1], match[2]].filter(part => part !== undefined).join('.')],
    loose: true,
  },
  {
    pattern:
      /^invalid json payload received\. unknown name "([\w$-]{1,64})"(?: at '([\w.[\]]{1,200})')?: cannot find field/i,
    names: match => [[match[2], match[1]].filter(part => part !== undefined).join('.')],
  },
  {
    pattern: new RegExp(
      `^(?:argument|parameter) not supported(?: (?:on|for|with) this model)?: ${PATH}`,
      'i',
    ),
  },
  {
    pattern: new RegExp(
      `^(?:the )?model [^ ]{1,120} does not support (?:the )?parameters? ${PATH}(?:\\.|\\s|$)`,
      'i',
    ),
  },
  {
    pattern:
      /^(?:failed to deserialize the json body into the target type: |json: |invalid request: )?(?:[\w.[\]]{1,80}: )?unknown field:? (?:parameter )?['"`]([\w.$-]{1,64})['"`]/i,
  },
  // A JSON pointer and a key. What else it finds wrong may stand before it: which way of writing a body this one is not.
  {
    pattern:
      /^malformed input request: (?:\d+ schema violations? found: )?(?:#: subject must not be valid against schema \{"required":\["\w{1,40}"\]\})?#((?:\/[\w$.-]{1,64}){0,8}): extraneous key \[([\w$.-]{1,64})\] is not permitted/i,
    names: match => [`${(match[1] ?? '').slice(1).replaceAll('/', '.')}.${match[2] ?? ''}`],
  },
  {
    pattern:
      /^additional properties are not allowed \('([\w$-]{1,64})' was unexpected\)(?: - '([\w.[\]]{1,200})')?/i,
    names: match => [[match[2], match[1]].filter(part => part !== undefined).join('.')],
  },
]

const CODES = new Set(['unknown_parameter', 'unsupported_parameter', 'unsupported_value'])
/** The parameter alone is not what is wrong. */
const CONDITION =
  /\b(?:when|if|unless|while|together|combination|combined|alongside|both|only (?:allowed|supported))\b/i

/** The provider's own text: what the gateway puts before it is LiteLLM's class name and the provider's tag. */
const spoken = (message: string): string =>
  message.replace(/^litellm\.\w{1,40}: (?:[A-Z]\w{1,40}: )?\w{1,60} - /, '').trimStart()

/** A dot at the end of a sentence is no part of a name. */
const trimmed = (name: string): string => name.replace(/[.:,]+$/, '')

const parameterIn = ({ code, param }: Said, text: string): Complaint | undefined => {
  const named = code !== null && CODES.has(code)
  const reading = READINGS.find(({ pattern }) => pattern.test(text))
  if (!named && reading === undefined) return undefined
  const match = reading?.pattern.exec(text)
  const inText = match == null ? [] : (reading?.names?.(match) ?? [match[1] ?? ''])
  const said = named && param !== null && param !== '' ? [param] : inText
  const paths = said.map(name => keysOf(trimmed(name)))
  if (paths.length === 0 || !paths.every(path => path !== undefined)) return undefined
  return {
    kind: 'parameter',
    paths,
    loose: reading?.loose === true,
    ofValue: code === 'unsupported_value' || reading?.ofValue === true,
    conditional: CONDITION.test(text.slice(0, 400)),
  }
}

/** Gemini's words, Vertex AI's, and those of Claude at Anthropic and at Bedrock. */
const SIGNATURE =
  /^(?:corrupted thought signature|(?:unable to submit request because )?thought signature is not valid|(?:the model returned the following errors: )?messages\.\d{1,6}\.content\.\d{1,6}: invalid `(?:signature|data)` in `(?:thinking|redacted_thinking)` block)/i

/** Where ids of calls stand: `input[3].call_id`, `messages[2].tool_calls[0].id`, `messages[3].tool_call_id`. */
const CALL_PLACE =
  /^(?:input\[\d{1,6}\]\.call_id|messages\[\d{1,6}\]\.(?:tool_calls\[\d{1,6}\]\.id|tool_call_id))$/

const callIdIn = ({ code, param }: Said, text: string): Complaint | undefined => {
  if (/^tool call id was [^\n]{0,400}? but must be a-z, A-Z, 0-9, with a length of 9/i.test(text))
    return { kind: 'call-id', form: { kind: 'nine' } }
  if (
    /^messages\.\d{1,6}\.content\.\d{1,6}\.(?:tool_use\.id|tool_result\.tool_use_id): string should match pattern/i.test(
      text,
    )
  )
    return { kind: 'call-id', form: { kind: 'plain' } }
  const said =
    /^invalid '([^']{1,80})': string too long\. expected a string with maximum length (\d{1,3})\b/i.exec(text)
  if (said === null && code !== 'string_above_max_length') return undefined
  const length = Number(said?.[2] ?? 0)
  const fits = CALL_PLACE.test(param ?? said?.[1] ?? '') && length >= 9
  return fits ? { kind: 'call-id', form: { kind: 'longest', length } } : undefined
}

/** Undefined: nothing that could be mended. */
export const complaintOf = (said: Said): Complaint | undefined => {
  const { code, param } = said
  const text = spoken(said.message)
  if (code === 'invalid_encrypted_content') return { kind: 'ciphertext' }
  if (/^the encrypted content [^\n]{1,400}? could not be verified/i.test(text)) return { kind: 'ciphertext' }
  const kept = /^item with id ['"`]([\w-]{1,128})['"`] not found/i.exec(text)?.[1]
  if (kept !== undefined) return { kind: 'kept-item', id: kept }
  if (code === 'missing_required_parameter' || /^missing required parameter/i.test(text)) {
    const place = /^input\[(\d{1,6})\]\.id$/.exec(
      param ?? /^missing required parameter: ['"`]([^'"`]{1,80})/i.exec(text)?.[1] ?? '',
    )
    return place === null ? undefined : { kind: 'item-id', at: Number(place[1]) }
  }
  if (SIGNATURE.test(text)) return { kind: 'signature' }
  const form = formSaid(text)
  if (form !== undefined) return { kind: 'thinking', form }
  const limit = limitSaid(text)
  if (limit !== undefined) return { kind: 'answer-limit', limit }
  return callIdIn(said, text) ?? parameterIn(said, text)
}
