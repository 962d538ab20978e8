/** What the gateway's thread and the store's thread say to each other. Times are milliseconds since the epoch. */

export type StoreData = {
  readonly path: string
  /** Bytes of texts that are kept at most. */
  readonly mostBytes: number
}

/** A text that is kept until a moment. */
export type KeptText = {
  readonly key: string
  readonly text: string
  readonly until: number
  /** What it belongs to, and is forgotten with. */
  readonly of: string | undefined
}

export type Order =
  /** Only to find out whether it can be used: there is a file. */
  | { readonly kind: 'open' }
  | { readonly kind: 'get'; readonly keys: readonly string[]; readonly now: number }
  | { readonly kind: 'put'; readonly texts: readonly KeptText[]; readonly now: number }
  | { readonly kind: 'forget'; readonly of: string }
  | { readonly kind: 'close' }

export type Numbered = Order & { readonly id: number }

/** Why an order was not carried out, and what can be done about it. */
export type Trouble = { readonly reason: string; readonly mend: string }

/** The thread's first word: it has been loaded. */
export const UP = 'up'

/** Every order is answered. */
export type Word =
  | { readonly id: number; readonly ok: true; readonly texts: ReadonlyMap<string, string> }
  | ({ readonly id: number; readonly ok: false } & Trouble)
