import type { Json, JsonObject } from '../wire/json.ts'
import { perform } from './answers/chat.ts'
import type { Part } from './cast.ts'
import { checkJson, readForm, readJson } from './check-body.ts'
import { checkHeaders, checkQuery } from './check-head.ts'
import { parametersOf } from './columns.ts'
import type { Row, Told } from './compatible/row.ts'
import { type Compatible, ROWS } from './compatible/rows.ts'
import { listOf, type Rule } from './compatible/rules.ts'
import type { Inspected, Inspector } from './inspect.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import { findRoute } from './routing.ts'
import type { Ask, Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** Strict simulated providers of OpenAI's dialect, each of them one row: see compatible/rows.ts. */

const CHAT = 'POST /chat/completions'

/** A refusal of this provider's, in its envelope. */
class OwnRefusal extends StageRefusal {
  constructor({ envelope }: Row, status: number, told: Told) {
    super(told.status ?? status, envelope(told.status ?? status, told))
    this.message = told.message
  }
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined)

/** Whatever OpenAI's rules say against it is this provider's complaint, too. */
const inOwnWords = <Result>(row: Row, look: () => Result): Result => {
  try {
    return look()
  } catch (error) {
    if (!(error instanceof StageRefusal) || error instanceof OwnRefusal) throw error
    const param = text(error.error.param)
    const told = { message: error.message, ...(param === undefined ? {} : { param }) }
    throw new OwnRefusal(row, error.status, told)
  }
}

const checkKey = (row: Row, head: Head, { key }: Scene): void => {
  if (row.open) return
  const bearer = /^Bearer (.+)$/.exec(headerOf(head, 'authorization') ?? '')?.[1]
  if (bearer === undefined) throw new OwnRefusal(row, 401, row.noKey ?? { message: 'Unauthorized' })
  if (bearer !== key) throw new OwnRefusal(row, 401, row.wrongKey?.(bearer) ?? { message: 'Unauthorized' })
}

/** OpenAI's path of what was asked; undefined: this provider has nothing there. */
const pathOf = ({ base, roots = [base] }: Row, path: string): string | undefined => {
  const root = roots.find(one => path.startsWith(`${one}/`))
  if (root === undefined) return undefined
  const rest = path.slice(root.length)
  return rest === '/v2/rerank' ? rest : `/v1${rest}`
}

type Found = Exclude<ReturnType<typeof findRoute>, string>

const routeOf = (row: Row, hit: Hit): Found => {
  const own = hit.path === '/v2/rerank' ? hit.path : pathOf(row, hit.path)
  const found = own === undefined ? 'no path' : findRoute('openai', hit.method, own, hit.query)
  if (typeof found === 'string' || (found.route.key !== CHAT && !row.routes.includes(found.route.key)))
    throw new OwnRefusal(row, 404, { message: `Not Found: ${hit.method} ${hit.path}` })
  return found
}

/** What it does not hear is as if it were not there. */
const heard = ({ deaf = [] }: Row, body: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !deaf.includes(name)))

const chatting =
  (row: Row): Handler =>
  ask => {
    const prefill = row.goesOn?.(ask.body) === true ? 'continue' : ask.scene.prefill
    return perform({ ...ask, scene: { ...ask.scene, prefill } }, listOf(ask.body.messages))
  }

const hold = (row: Row, rules: readonly Rule[], body: JsonObject): void => {
  for (const rule of rules) {
    const complaint = rule(body)
    if (complaint !== undefined) throw new OwnRefusal(row, 400, complaint)
  }
}

const checkChat = (row: Row, body: JsonObject): void => {
  hold(row, row.rules, body)
  if (!Array.isArray(body.messages))
    throw new OwnRefusal(row, 400, { message: 'messages: Field required', param: 'messages' })
}

/** The routes beside chat completions are OpenAI's; names that are not published are not heard. */
const otherBody = (row: Row, scene: Scene, hit: Hit, key: string): Pick<Ask, 'body' | 'fields'> => {
  const rules = parametersOf('openai', key)
  if (rules === undefined) return { body: {}, fields: [] }
  if (rules.contentType === 'multipart/form-data')
    return readForm(hit.body, hit.header('content-type') ?? '', rules, scene.accepts)
  const read = readJson(hit.body)
  hold(row, row.rulesOf?.[key] ?? [], read)
  const known = Object.entries(read).filter(([name]) => Object.hasOwn(rules.parameters, name))
  const body = Object.fromEntries(known)
  checkJson(body, rules, scene.accepts)
  return { body, fields: [] }
}

const bodyOf = (row: Row, scene: Scene, hit: Hit, key: string): Pick<Ask, 'body' | 'fields'> => {
  if (key !== CHAT) return otherBody(row, scene, hit, key)
  const body = readJson(hit.body)
  const known = Object.fromEntries(Object.entries(body).filter(([name]) => !scene.accepts.includes(name)))
  checkChat(row, known)
  return { body: heard(row, body), fields: [] }
}

const modelIn = (row: Row, scene: Scene, found: Found, body: JsonObject): string => {
  const named = text(body.model)
  if (found.route.model === null) return ''
  if (named === undefined) {
    if (found.route.model === undefined)
      throw new OwnRefusal(row, 400, { message: 'model is required', param: 'model' })
    return found.route.model
  }
  if (!scene.models.includes('*') && !scene.models.includes(named))
    throw new OwnRefusal(row, 404, row.noModel(named))
  return named
}

const inspectAs =
  (row: Row): Inspector =>
  (scene, head, hit): Inspected =>
    inOwnWords(row, () => {
      checkHeaders(head, 'openai')
      checkKey(row, head, scene)
      const found = routeOf(row, hit)
      const { key, handler } = found.route
      checkQuery(hit.query)
      const { body, fields } = bodyOf(row, scene, hit, key)
      const model = modelIn(row, scene, found, body)
      const act = key === CHAT ? chatting(row) : handler
      return {
        ask: {
          scene: { ...scene, voice: row.voice },
          params: found.params,
          query: hit.query,
          body,
          fields,
          model,
        },
        handler: ask => inOwnWords(row, () => act(ask)),
      }
    })

/** One of these providers, as the cast knows it. */
export const compatible = (name: Compatible): Part => {
  const row: Row = ROWS[name]
  return {
    base: row.base,
    model: row.model,
    ...(row.open === true ? { open: row.open } : {}),
    inspect: inspectAs(row),
    headers: scene => ({ 'x-request-id': scene.id('req_') }),
    errorFor: status => ({
      body: row.envelope(status, row.statuses[status] ?? { message: `The provider answered ${status}.` }),
    }),
    refusal: body => ({ body }),
  }
}
