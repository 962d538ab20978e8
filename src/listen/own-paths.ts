import { LOCAL_ROUTES } from '../admin/local.ts'
import { NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES } from '../routes.ts'

const OWN = [...ROUTES, ...NATIVE_ROUTES, ...LOCAL_ROUTES]

/** A route's pattern: `/:name` is one segment, or the part of it before a colon; `*` is the rest. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/\/:\w+/g, '/[^/]+?').replaceAll('*', '.*')}/?$`)

/** Methods under which the gateway itself answers this path, in the order of its routes. */
export const ownMethods = (path: string): readonly string[] => [
  ...new Set(
    OWN.filter(({ paths }) => paths.some(one => patternOf(one).test(path))).map(({ method }) => method),
  ),
]
