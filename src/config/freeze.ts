const refuse = (): never => {
  throw new TypeError('the configuration is immutable')
}

const LOCKED = {
  set: { value: refuse },
  add: { value: refuse },
  delete: { value: refuse },
  clear: { value: refuse },
}

/**
 * Freezes data all the way down; Maps and Sets refuse changes. Objects with private state (a Secret) and what
 * providers made (connections, the registry) are left alone: they are not the Config's own data.
 */
export const deepFreeze = <Value>(value: Value, foreign: ReadonlySet<object> = new Set()): Value => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || foreign.has(value))
    return value
  if (value instanceof Map || value instanceof Set) {
    for (const each of value.values()) deepFreeze(each, foreign)
    Object.defineProperties(value, LOCKED)
    return Object.freeze(value)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  const isData = Array.isArray(value) || prototype === Object.prototype || prototype === null
  if (!isData) return value instanceof RegExp ? Object.freeze(value) : value
  // Freeze first: a value that holds itself ends here.
  Object.freeze(value)
  for (const each of Object.values(value)) deepFreeze(each, foreign)
  return value
}
