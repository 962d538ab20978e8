import type { Transport } from '../attempt/transport.ts'
import type { Clock, Dice, House } from '../house.ts'
import { CredentialFault, type Fetched, type Held, type Recipe } from '../providers/recipe.ts'
import { Departure } from '../signal.ts'
import { Source, type Surroundings } from './source.ts'
import { makeTools } from './tools.ts'

/** The credentials that are fetched, by recipe. */
export type Vault = {
  /** The credential in force, at once; a promise only while there is none. It rejects with NoCredential. */
  readonly take: (recipe: Recipe) => Held | Promise<Held>
  /** The provider has refused the one in force. */
  readonly doubt: (recipe: Recipe) => void
  /** Begins to fetch what is new, keeps what stays, lets go of the rest. */
  readonly keep: (recipes: Iterable<Recipe>) => void
  readonly close: () => void
}

export type VaultOptions = {
  readonly clock: Clock
  readonly dice: Dice
  readonly transport: Transport
  readonly event: House['event']
  /** A recipe brings a credential again. */
  readonly mended?: (recipe: Recipe) => void
}

/** Over all requests and files of one fetch. */
const FETCH_MS = 30_000

/** A fetch with an end: whatever the recipe does, it has answered or is given up. */
const fetchOnce = async (
  recipe: Recipe,
  { clock, transport }: VaultOptions,
  flights: Set<Departure>,
): Promise<Fetched> => {
  const limit = new Departure()
  flights.add(limit)
  const over = new Promise<never>((_resolve, reject) =>
    limit.addEventListener('abort', () => reject(new CredentialFault('no answer in time'))),
  )
  const cancel = clock.after(FETCH_MS, () => limit.abort())
  try {
    return await Promise.race([recipe.fetch(makeTools({ clock, transport, signal: limit })), over])
  } finally {
    cancel()
    flights.delete(limit)
  }
}

export const createVault = (options: VaultOptions): Vault => {
  const { clock, dice, event, mended = () => {} } = options
  const sources = new Map<string, Source>()
  /** Fetches under way. */
  const flights = new Set<Departure>()
  const around: Surroundings = {
    clock,
    dice,
    event,
    mended,
    fetch: recipe => fetchOnce(recipe, options, flights),
  }

  const sourceOf = (recipe: Recipe): Source => {
    const known = sources.get(recipe.id)
    if (known !== undefined) return known
    // Not wanted by the configuration: a call that began before a reload. Forgotten with the next one.
    const made = new Source(recipe, around)
    sources.set(recipe.id, made)
    return made
  }

  const keep: Vault['keep'] = recipes => {
    const wanted = new Map<string, Recipe>()
    for (const recipe of recipes) wanted.set(recipe.id, recipe)
    for (const [id, source] of sources) {
      if (wanted.has(id)) continue
      source.close()
      sources.delete(id)
    }
    for (const recipe of wanted.values()) sourceOf(recipe).stand()
  }

  return {
    take: recipe => sourceOf(recipe).take(),
    doubt: recipe => sourceOf(recipe).doubt(),
    keep,
    close: () => {
      for (const source of sources.values()) source.close()
      sources.clear()
      for (const flight of [...flights]) flight.abort()
    },
  }
}
