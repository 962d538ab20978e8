import { ROUTES, type Route } from './routes.ts'

/** The row of this name. Throws Error: a name is written in the code. */
export const routeNamed = (name: string): Route => {
  const route = ROUTES.find(each => each.name === name)
  if (route === undefined) throw new Error(`there is no route ${name}`)
  return route
}
