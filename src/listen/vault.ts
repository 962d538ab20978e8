import { createVault, type Vault } from '../credentials/vault.ts'
import type { House } from '../house.ts'

export type FollowingVault = Vault & {
  /** Fetches what the configuration in force wants, and nothing else any more. */
  readonly follow: () => void
}

type Surroundings = Pick<House, 'clock' | 'dice' | 'event' | 'transport' | 'board' | 'config'>

/** The credentials of this process, fetched and renewed as the configuration wants them. */
export const openVault = ({ clock, dice, event, transport, board, config }: Surroundings): FollowingVault => {
  const vault = createVault({
    clock,
    dice,
    event,
    transport,
    mended: ({ id }) => {
      for (const one of config().deployments) if (one.connection.recipe?.id === id) board.mended(one)
    },
  })
  const follow = (): void =>
    vault.keep(config().deployments.flatMap(({ connection }) => connection.recipe ?? []))
  return { ...vault, follow }
}
