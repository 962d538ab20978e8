/** What the gateway's thread and the store's thread say to each other. Times are milliseconds since the epoch. */

export type StoreData = {
  readonly path: string
  /** Bytes of texts that are kept at most. */
  readonly mostBytes: number
}

export type Order =
  | { readonly kind: 'get'; readonly key: string; readonly now: number }
  | {
      readonly kind: 'put'
      readonly key: string
      readonly text: string
      readonly until: number
      readonly now: number
    }
  | { readonly kind: 'close' }

export type Numbered = Order & { readonly id: number }

/** Every order is answered. */
export type Word =
  | { readonly id: number; readonly ok: true; readonly text: string | undefined }
  | { readonly id: number; readonly ok: false; readonly reason: string }
