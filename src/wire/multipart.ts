/** One part of a multipart/form-data body by byte offsets; the content is [start, end). */
export type Part = {
  readonly name: string
  readonly filename: string | undefined
  readonly contentType: string | undefined
  readonly start: number
  readonly end: number
}

export type MultipartIndex = { readonly boundary: string; readonly parts: readonly Part[] }
