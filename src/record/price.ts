import { createRequire } from 'node:module'
import type { Deployment } from '../config/config.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Json } from '../wire/json.ts'

/** A price that rises with the size of the prompt: above `start` input tokens all tokens cost `usd` each. */
export type Rate = {
  /** USD per token. */
  readonly usd: number
  readonly tiers: readonly { readonly start: number; readonly usd: number }[]
}

/** What a deployment's tokens cost. A missing member is unknown, never free. */
export type Price = {
  readonly input: Rate | undefined
  readonly output: Rate | undefined
  /** Input tokens read from the provider's cache; undefined: they cost what other input costs. */
  readonly cachedInput: Rate | undefined
  readonly cacheWrite: Rate | undefined
  /** USD for the request itself, on top of its tokens. */
  readonly perRequestUsd: number
  /** settings: the operator's own numbers; table: the public price list that ships with the gateway. */
  readonly source: 'settings' | 'table'
}

type PriceTable = typeof import('@pydantic/genai-prices')
type TableRates = NonNullable<ReturnType<PriceTable['calcPrice']>>['model_price']

/** A wildcard deployment serves names that clients choose, so its memory is bounded. */
const MAX_NAMES = 512

const loadModule = createRequire(import.meta.url)
let table: PriceTable | undefined
/** 20 MB and 30 ms: read when the first price is asked for. Bundled data only; nothing is ever fetched. */
const priceTable = (): PriceTable => {
  table ??= loadModule('@pydantic/genai-prices') as PriceTable
  return table
}

const known = new WeakMap<Deployment, Map<string, Price | undefined>>()

/**
 * The price of a deployment: its own per-token settings first, else the public list. `model` is the upstream name of
 * this call when the deployment's own holds a wildcard. Remembered for the life of the configuration, so a
 * list price that changes with the date or the hour is the one of the first call.
 */
export const priceOf = (deployment: Deployment, model = deployment.upstreamModel): Price | undefined => {
  let prices = known.get(deployment)
  if (prices === undefined) {
    prices = new Map()
    known.set(deployment, prices)
  }
  if (prices.has(model)) return prices.get(model)
  const price = settingsPrice(deployment) ?? listPrice(deployment, model)
  if (prices.size < MAX_NAMES) prices.set(model, price)
  return price
}

/**
 * USD for one answer. `usage.inputTokens` includes the cached and the cache-written ones. Undefined when the
 * usage or a price that it needs is unknown: an unknown cost is not a cost of 0.
 */
export const costOf = (usage: Usage | undefined, price: Price | undefined): number | undefined => {
  if (usage === undefined || price === undefined) return undefined
  const cached = usage.cachedInputTokens ?? 0
  const written = usage.cacheWriteTokens ?? 0
  const parts: readonly (readonly [tokens: number, rate: Rate | undefined])[] = [
    [Math.max(0, usage.inputTokens - cached - written), price.input],
    [cached, price.cachedInput ?? price.input],
    [written, price.cacheWrite ?? price.input],
    [usage.outputTokens, price.output],
  ]
  let usd = price.perRequestUsd
  for (const [tokens, rate] of parts) {
    if (tokens <= 0) continue
    if (rate === undefined) return undefined
    usd += tokens * usdAt(rate, usage.inputTokens)
  }
  return usd
}

const usdAt = (rate: Rate, inputTokens: number): number => {
  let usd = rate.usd
  for (const tier of rate.tiers) if (inputTokens > tier.start) usd = tier.usd
  return usd
}

const settingRate = (...values: readonly (Json | undefined)[]): Rate | undefined => {
  // YAML reads 5e-7 as text in some spellings; a number is a number either way.
  const numbers = values.map(value =>
    typeof value === 'string' && value.trim() !== '' ? Number(value) : value,
  )
  const usd = numbers.find(value => typeof value === 'number' && Number.isFinite(value) && value >= 0)
  return typeof usd === 'number' ? { usd, tiers: [] } : undefined
}

/** Settings stand alone: mixing them with list prices would bill a cached token of a free model. */
const settingsPrice = (deployment: Deployment): Price | undefined => {
  const { shown } = deployment
  const { raw } = deployment.info
  const input = settingRate(
    deployment.inputCostPerToken,
    shown.input_cost_per_token,
    raw.input_cost_per_token,
  )
  const output = settingRate(
    deployment.outputCostPerToken,
    shown.output_cost_per_token,
    raw.output_cost_per_token,
  )
  if (input === undefined && output === undefined) return undefined
  return {
    input,
    output,
    cachedInput: settingRate(shown.cache_read_input_token_cost, raw.cache_read_input_token_cost),
    cacheWrite: settingRate(shown.cache_creation_input_token_cost, raw.cache_creation_input_token_cost),
    perRequestUsd: 0,
    source: 'settings',
  }
}

/** The list by address first: a compatible server behind another provider's name has its own prices. */
const listPrice = (deployment: Deployment, model: string): Price | undefined => {
  const name = deployment.info.baseModel ?? model
  if (name === '' || name.includes('*')) return undefined
  const places = [{ providerApiUrl: deployment.connection.baseUrl }, { providerId: deployment.provider.name }]
  const slash = name.indexOf('/')
  const rest = name.slice(slash + 1)
  const tries = [
    ...places.map(place => [name, place] as const),
    // base_model may carry a provider of its own: 'provider/model'.
    ...(slash > 0 ? [[rest, { providerId: name.slice(0, slash) }] as const] : []),
    ...(slash > 0 ? places.map(place => [rest, place] as const) : []),
  ]
  for (const [asked, place] of tries) {
    const rates = tableRates(asked, place)
    if (rates !== undefined) return fromTable(rates)
  }
  return undefined
}

const tableRates = (
  model: string,
  place: { providerApiUrl: string } | { providerId: string },
): TableRates | undefined => {
  try {
    const { calcPrice, findProvider } = priceTable()
    // Without a provider the table would guess one from the model's name, and its price with it.
    if (findProvider(place) === undefined) return undefined
    return calcPrice({ input_tokens: 0, output_tokens: 0 }, model, place)?.model_price
  } catch {
    // An entry the table itself cannot evaluate is an unknown price, not a failed request.
    return undefined
  }
}

const PER_MILLION = 1e-6

const tableRate = (value: TableRates[string]): Rate | undefined => {
  if (value === undefined) return undefined
  if (typeof value === 'number') return { usd: value * PER_MILLION, tiers: [] }
  const tiers = value.tiers.map(({ start, price }) => ({ start, usd: price * PER_MILLION }))
  return { usd: value.base * PER_MILLION, tiers: tiers.sort((a, b) => a.start - b.start) }
}

const fromTable = (rates: TableRates): Price => {
  const requests = rates.requests_kcount
  return {
    input: tableRate(rates.input_mtok),
    output: tableRate(rates.output_mtok),
    cachedInput: tableRate(rates.cache_read_mtok),
    cacheWrite: tableRate(rates.cache_write_mtok),
    perRequestUsd: typeof requests === 'number' ? requests / 1000 : 0,
    source: 'table',
  }
}
