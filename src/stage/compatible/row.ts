import type { JsonObject } from '../../wire/json.ts'
import type { Voice } from '../voice.ts'
import type { Complaint, Rule } from './rules.ts'

/**
 * Providers of OpenAI's dialect that are stricter, or deafer, than OpenAI: what each refuses of a chat completion, in
 * which words, and how it answers. From their references, their sources where those are public, and the errors they have
 * answered in public.
 */

/** What stands in an error besides its status. */
export type Told = Complaint

export type Row = {
  /** Where the API begins, as a configuration writes it. */
  readonly base: string
  /** Everything its paths may begin with. Default: the base. */
  readonly roots?: readonly string[]
  readonly model: string
  /** Anybody may come in. */
  readonly open?: true
  /** What it has of OpenAI's routes, chat completions aside. */
  readonly routes: readonly string[]
  /** Parameters of OpenAI's that would change the answer, and mean nothing here. */
  readonly deaf?: readonly string[]
  /** In the order in which they are looked at. */
  readonly rules: readonly Rule[]
  /** The same of its other routes, by their keys. */
  readonly rulesOf?: Readonly<Record<string, readonly Rule[]>>
  /** True where the last message is the beginning of the answer. */
  readonly goesOn?: (body: JsonObject) => boolean
  readonly voice: Voice
  /** What it says to a head without its key, and with another one. */
  readonly noKey?: Told
  readonly wrongKey?: (key: string) => Told
  readonly noModel: (model: string) => Told
  /** What it says by itself for a status. */
  readonly statuses: Readonly<Record<number, Told>>
  readonly envelope: (status: number, told: Told) => JsonObject
}
