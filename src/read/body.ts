import type { JsonIndex } from '../wire/index.ts'
import type { MultipartIndex } from '../wire/multipart.ts'

/**
 * The client's body behind glass: everyone may look, no one may write.
 * `bytes` is exactly what the client sent; the index says where its parts are.
 */
export type ClientBody =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'json'
      readonly bytes: Uint8Array
      readonly index: JsonIndex
      readonly contentType: string
    }
  | {
      readonly kind: 'multipart'
      readonly bytes: Uint8Array
      readonly index: MultipartIndex
      readonly contentType: string
    }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array; readonly contentType: string }
