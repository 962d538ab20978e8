import type { Answer } from './transport.ts'

/** 205 says that there is nothing to read, 206 that this is a part of something; nobody asked for either. */
export const isAnswer = (status: number): boolean => status < 300 && status !== 205 && status !== 206

/** The content type in small letters: media types are the same in capitals. '' when there is none. */
export const typeOf = ({ headers }: Answer): string => headers['content-type']?.toLowerCase() ?? ''
