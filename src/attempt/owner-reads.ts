import type { Call } from '../call.ts'
import type { Deployment } from '../config/config.ts'
import type { House } from '../house.ts'
import type { Pin } from '../plan/wish.ts'
import type { Chain, Told } from '../read/chain.ts'
import type { Fetched } from '../record/trail.ts'
import { ROUTES, type Route } from '../routes.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import { itemsIn, writtenAt } from '../wire/items.ts'
import { isObject, type Json } from '../wire/json.ts'
import { adapt, parcelOf } from './adapt.ts'
import type { Allowance } from './allowance.ts'
import { collect } from './collect.ts'
import { firstCredential } from './credential.ts'
import { plainAnswer } from './decode.ts'
import { CONNECT_MS } from './limits.ts'
import { withCredential } from './once.ts'

/**
 * What the owner of a response still tells of it while it makes no new ones: its input, its output and the response
 * before it; and what a conversation holds. No attempt of the loop: nobody rests for it, and it is made once.
 */

/** For a whole conversation, whatever the request's own time is. */
const LONGEST_MS = 5_000
const MOST_REQUESTS = 100
/** The most that the API gives at once. */
const PAGE = 100

const routeNamed = (name: string): Route | undefined => ROUTES.find(route => route.name === name)

/** What a list leaves out unless it is asked for, with the members of which one must be there. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  input_image: ['image_url', 'file_id'],
  computer_screenshot: ['image_url', 'file_id'],
  input_file: ['file_id', 'file_url', 'file_data'],
}
const PICTURES = 'include[]=message.input_image.image_url&include[]=computer_call_output.output.image_url'

const lacks = (value: Json): boolean => {
  if (Array.isArray(value)) return value.some(lacks)
  if (!isObject(value)) return false
  const { type } = value
  const needed = typeof type === 'string' && Object.hasOwn(LEFT_OUT, type) ? LEFT_OUT[type] : undefined
  if (needed?.every(name => typeof value[name] !== 'string') === true) return true
  return Object.values(value).some(lacks)
}

/** What others can go on from. */
const WHOLE: ReadonlySet<Json | undefined> = new Set<Json | undefined>(['completed', 'incomplete'])

type Page = { readonly texts: string; readonly ids: readonly string[]; readonly more: boolean }

const pageIn = (index: JsonIndex): Page => {
  const list = writtenAt(index, ['data'])
  if (list?.startsWith('[') !== true) throw new Error('no list of items')
  const ids = itemsIn(index, 'data').map(({ id }) => id)
  return { texts: list.slice(1, -1).trim(), ids, more: valueAt(index, 'has_more') === true }
}

const joined = (pages: readonly Page[]): string =>
  `[${pages
    .map(({ texts }) => texts)
    .filter(texts => texts !== '')
    .join(',')}]`

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')

export type Reading = {
  readonly call: Call
  readonly house: House
  readonly allowance: Allowance
}

export class OwnerReads {
  requests = 0
  responses = 0
  readonly #owner: Deployment
  readonly #reading: Reading
  readonly #startedAt: number
  #bytesLeft: number
  #failed: string | undefined

  constructor(owner: Deployment, reading: Reading) {
    this.#owner = owner
    this.#reading = reading
    this.#startedAt = reading.house.clock.now()
    this.#bytesLeft = reading.call.config.general.maxRequestBytes
  }

  /** undefined: it could not be read, or not all of it. */
  readonly read = async (id: string): Promise<Told | undefined> => {
    try {
      const [response, input] = await Promise.all([
        this.#get('responses.get', id, ''),
        this.#listOf('responses.input_items', id),
      ])
      const told = this.#toldBy(id, response, input)
      this.responses += 1
      return told
    } catch (error) {
      this.#failed ??= reasonOf(error)
      return undefined
    }
  }

  /** Everything that a conversation holds now; undefined: it could not be read, or not all of it. */
  async conversation(id: string): Promise<Chain | undefined> {
    try {
      const pages = await this.#listOf('conversations.items.list', id)
      this.responses += 1
      const { id: deployment, boundary } = this.#owner
      return [{ id, input: '[]', output: joined(pages), previous: '', deployment, boundary }]
    } catch (error) {
      this.#failed ??= reasonOf(error)
      return undefined
    }
  }

  told(chain: Chain | undefined): Fetched {
    const failed = chain === undefined ? (this.#failed ?? 'not all of it is there') : undefined
    return { requests: this.requests, ms: this.#reading.house.clock.now() - this.#startedAt, failed }
  }

  #toldBy(id: string, response: JsonIndex, input: readonly Page[]): Told {
    const { id: deployment, boundary } = this.#owner
    const output = writtenAt(response, ['output'])
    const previous = valueAt(response, 'previous_response_id') ?? ''
    if (valueAt(response, 'id') !== id) throw new Error('another response')
    if (!WHOLE.has(valueAt(response, 'status'))) throw new Error('the response is not complete')
    // What a conversation held before it is nobody's input.
    if ((valueAt(response, 'conversation') ?? null) !== null) throw new Error('a turn of a conversation')
    if (output?.startsWith('[') !== true || typeof previous !== 'string') throw new Error('no response')
    const transcript = { id, input: joined(input), output, previous, deployment, boundary }
    return { transcript, listed: new Set(input.flatMap(({ ids }) => ids)) }
  }

  /** Every page, the oldest item first. */
  async #listOf(route: string, id: string): Promise<readonly Page[]> {
    const pages: Page[] = []
    for (let after = ''; ; ) {
      const page = await this.#page(route, id, `limit=${PAGE}&order=asc${after}`)
      pages.push(page)
      if (!page.more) return pages
      const last = page.ids.at(-1) ?? ''
      if (last === '') throw new Error('a list without an end')
      after = `&after=${encodeURIComponent(last)}`
    }
  }

  async #page(route: string, id: string, query: string): Promise<Page> {
    for (const more of ['', `&${PICTURES}`]) {
      const index = await this.#get(route, id, query + more)
      if (!lacks(valueAt(index, 'data') ?? null)) return pageIn(index)
    }
    throw new Error('a file or a picture is not told')
  }

  get #leftMs(): number {
    const { house, allowance } = this.#reading
    const leftMs = this.#startedAt + LONGEST_MS - house.clock.now()
    return Math.max(1, allowance.within(leftMs) ?? leftMs)
  }

  async #get(name: string, id: string, query: string): Promise<JsonIndex> {
    const { call, house, allowance } = this.#reading
    const route = routeNamed(name)
    if (route === undefined || this.requests >= MOST_REQUESTS || this.#leftMs <= 1)
      throw new Error('it takes too long')
    this.requests += 1
    const plain = { method: 'GET', params: { id }, query, body: { kind: 'none' }, stream: false } as const
    const own = { ...parcelOf(call), route, ...plain, edits: [], shadows: undefined, rehydrated: undefined }
    const hop = { deployment: this.#owner, model: this.#owner.upstreamModel, overrides: {} }
    const { draft } = adapt(own, hop)
    const { connection } = this.#owner
    const limits = { connectMs: Math.min(CONNECT_MS, this.#leftMs), headersMs: this.#leftMs }
    const taken = connection.recipe === undefined ? undefined : house.vault.take(connection.recipe)
    const held =
      taken instanceof Promise
        ? await firstCredential(taken, { clock: house.clock, ...limits, signal: allowance })
        : taken
    const credential = await connection.authorize(draft, new Date(house.clock.wall()), held)
    const headers = withCredential(draft, credential)
    const answer = plainAnswer(await house.transport.send(draft, headers, limits, allowance))
    if (answer.status !== 200) {
      answer.abort()
      throw new Error(`HTTP ${answer.status}`)
    }
    const most = { clock: house.clock, maxBytes: this.#bytesLeft, totalMs: this.#leftMs }
    const collected = await collect(answer, most)
    if (collected.kind !== 'whole') throw new Error(`the answer was not read: ${collected.kind}`)
    this.#bytesLeft -= collected.bytes.length
    return indexObject(collected.bytes)
  }
}

/** The owner, if it can be asked at all. */
export const readerOf = ({ deploymentId }: Pin, reading: Reading): OwnerReads | undefined => {
  const owner = reading.call.config.byId.get(deploymentId)
  return owner === undefined || owner.connection.missing !== undefined || owner.mockResponse !== undefined
    ? undefined
    : new OwnerReads(owner, reading)
}
