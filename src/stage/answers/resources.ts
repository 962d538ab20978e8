import type { Handler } from '../scene.ts'
import { CONVERSATIONS } from './conversations.ts'
import { FILES } from './files.ts'
import { VECTOR_STORES } from './vector-stores.ts'

/** Objects that live at the provider: one row per method and path. */
export const RESOURCES: readonly (readonly [key: string, handler: Handler])[] = [
  ...CONVERSATIONS,
  ...FILES,
  ...VECTOR_STORES,
]
