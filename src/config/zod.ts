import { createRequire } from 'node:module'

/** Loaded as CommonJS, which takes half the time: some fifty of its modules are translations. */
export const { z } = createRequire(import.meta.url)('zod') as typeof import('zod')
