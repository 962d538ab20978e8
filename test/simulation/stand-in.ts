/**
 * The same object with some members of its own. Whatever it is made of (a literal, a class with private state), its
 * other members work as before: they are asked of the original.
 */
export const standIn = <T extends object>(original: T, own: Partial<T>): T =>
  new Proxy(original, {
    get: (target, name) => {
      if (Object.hasOwn(own, name)) return own[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
