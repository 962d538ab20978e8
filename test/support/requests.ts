import assert from 'node:assert/strict'
import { ROUTES, type Route } from '../../src/routes.ts'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import type { Reply } from './harness.ts'
import { RECIPES, type Recipe } from './recipes.ts'

/** A request as a client puts it on the wire, its key left out. */
export type ClientRequest = {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body?: Buffer
}

/** An object that its provider owns, made through the gateway before the request that is about it. */
export type Prop =
  | 'file'
  | 'response'
  | 'background'
  | 'conversation'
  | 'item'
  | 'batch'
  | 'store'
  | 'storeFile'
  | 'fileBatch'
  | 'job'

export type Props = Readonly<Partial<Record<Prop, string>>>

/** A file in a form: `contentType` is the part's own. */
export type FormFile = { readonly filename: string; readonly contentType: string; readonly content: Buffer }
export type FormField = readonly [name: string, value: string | FormFile]

export type Cue = {
  /** The model group asked for. */
  readonly group: string
  /** What propsFor made; {} for routes that need none. */
  readonly props?: Props
  /** Ask for a stream. Throws for a route that has none. */
  readonly stream?: boolean
  /** One of the route's paths; default the canonical one. With `:model` in it the body names no model. */
  readonly path?: string
  /** Further members of the body; in a form, further text fields. */
  readonly more?: JsonObject
  /** Further query parameters. */
  readonly query?: Readonly<Record<string, string>>
}

const BOUNDARY = 'understudy-test-boundary'

/** A multipart/form-data body, fields in order. */
export const formBody = (fields: readonly FormField[]): Buffer => {
  const parts = fields.map(([name, value]) => {
    const file = typeof value === 'string' ? '' : `; filename="${value.filename}"`
    const type = typeof value === 'string' ? '' : `content-type: ${value.contentType}\r\n`
    return Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n${type}\r\n`),
      typeof value === 'string' ? Buffer.from(value) : value.content,
      Buffer.from('\r\n'),
    ])
  })
  return Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

/** Throws when a row of the endpoint table has no request: an endpoint that no test drives is not proven. */
export const recipeOf = (route: Route): Recipe => {
  const recipe = RECIPES[route.name]
  assert.ok(recipe !== undefined, `no request is known for ${route.name}: add it to test/support/recipes.ts`)
  return recipe
}

/** The name under which providers serve what this route needs. */
export const modelOf = (route: Route): string => recipeOf(route).model

const filled = (path: string, recipe: Recipe, cue: Cue): string =>
  // What stands behind a name, as in `:model:countTokens`, is a verb and no name.
  path.replace(/\/:([a-z]+)/g, (_, name: string) => {
    if (name === 'model') return `/${encodeURIComponent(cue.group)}`
    const prop = recipe.params?.[name]
    const value = prop === undefined ? undefined : cue.props?.[prop]
    if (value === undefined) throw new Error(`nothing was made for :${name} of ${path}`)
    return `/${encodeURIComponent(value)}`
  })

const asText = (value: JsonObject[string]): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

const bodyOf = (recipe: Recipe, cue: Cue, named: boolean): Pick<ClientRequest, 'headers' | 'body'> => {
  const props = cue.props ?? {}
  const model = named ? { model: cue.group } : {}
  const more = { ...(cue.stream === true ? recipe.asStream : {}), ...cue.more }
  if (recipe.form !== undefined) {
    const texts = Object.entries({ ...model, ...more }).map(
      ([name, value]): FormField => [name, asText(value)],
    )
    const type = `multipart/form-data; boundary=${BOUNDARY}`
    return { headers: [['content-type', type]], body: formBody([...texts, ...recipe.form(props)]) }
  }
  if (recipe.json === undefined) return { headers: [] }
  const body = JSON.stringify({ ...model, ...recipe.json(props), ...more })
  return { headers: [['content-type', 'application/json']], body: Buffer.from(body) }
}

/** The client's request for one row of the table. Throws when the row has no recipe. */
export const requestFor = (route: Route, cue: Cue): ClientRequest => {
  const recipe = recipeOf(route)
  if (cue.stream === true && !route.streams) throw new Error(`${route.name} does not stream`)
  const path = cue.path ?? route.paths[0] ?? ''
  // Routes without a model in their body say in the query whose objects they are about.
  const owned = route.model === 'owner' && recipe.names !== 'body'
  const query = new URLSearchParams({
    ...(owned ? { model: cue.group } : {}),
    ...recipe.query,
    ...(cue.stream === true && recipe.asStream === undefined && route.byPath === undefined
      ? { stream: 'true' }
      : {}),
    ...cue.query,
  }).toString()
  const named =
    !path.includes(':model') &&
    (recipe.names === 'body' || (route.model === 'body' && recipe.names !== 'none'))
  return {
    method: route.method,
    path: filled(path, recipe, cue) + (query === '' ? '' : `?${query}`),
    ...bodyOf(recipe, cue, named),
  }
}

/** Sends one client request through the gateway, with a key, and reads the whole answer. */
export type Send = (request: ClientRequest) => Promise<Reply>

type Maker = {
  readonly route: string
  /** Made before it. */
  readonly needs: readonly Prop[]
  readonly more?: JsonObject
  readonly idIn?: (answer: JsonObject) => unknown
}

const firstOf = (answer: JsonObject): unknown => {
  const first: unknown = Array.isArray(answer.data) ? answer.data[0] : undefined
  return isObject(first as JsonObject) ? (first as JsonObject).id : undefined
}

const MAKERS: Readonly<Record<Prop, Maker>> = {
  file: { route: 'files.create', needs: [] },
  response: { route: 'responses.create', needs: [] },
  background: { route: 'responses.create', needs: [], more: { background: true } },
  conversation: { route: 'conversations.create', needs: [] },
  item: { route: 'conversations.items.create', needs: ['conversation'], idIn: firstOf },
  batch: { route: 'batches.create', needs: ['file'] },
  store: { route: 'vector_stores.create', needs: ['file'] },
  storeFile: { route: 'vector_stores.files.create', needs: ['store', 'file'] },
  fileBatch: { route: 'vector_stores.file_batches.create', needs: ['store', 'file'] },
  job: { route: 'fine_tuning.create', needs: ['file'] },
}

export const routeNamed = (name: string): Route => {
  const found = ROUTES.find(route => route.name === name)
  assert.ok(found !== undefined, `there is no route ${name}`)
  return found
}

const make = async (wanted: Prop, group: string, send: Send, made: Partial<Record<Prop, string>>) => {
  if (made[wanted] !== undefined) return
  const maker = MAKERS[wanted]
  for (const need of maker.needs) await make(need, group, send, made)
  const more = maker.more === undefined ? {} : { more: maker.more }
  const reply = await send(requestFor(routeNamed(maker.route), { group, props: made, ...more }))
  assert.equal(reply.status, 200, `${wanted} could not be made: ${reply.text}`)
  const id = (maker.idIn ?? (answer => answer.id))(reply.json())
  assert.ok(typeof id === 'string', `${wanted} has no id: ${reply.text}`)
  made[wanted] = id
}

/** Makes what a request for this route is about, new each time, so that deleting one disturbs nothing. */
export const propsFor = async (route: Route, group: string, send: Send): Promise<Props> => {
  const made: Partial<Record<Prop, string>> = {}
  for (const prop of recipeOf(route).needs ?? []) await make(prop, group, send, made)
  return made
}

/** The variants of an endpoint: without a stream, and with one where it has one. */
export const streamsOf = (route: Route): readonly boolean[] => {
  if (route.byPath === true) return [true]
  return route.streams ? [false, true] : [false]
}
