import type { Handler } from '../scene.ts'

/** Objects that live at the provider: one row per method and path. */
export const RESOURCES: readonly (readonly [key: string, handler: Handler])[] = []
