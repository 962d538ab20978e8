import type { Config } from '../config/config.ts'
import type { ShapeName } from '../routes.ts'
import type { Board } from '../shared/board.ts'
import { encryptedParts } from '../wire/encrypted.ts'
import type { Pin } from './wish.ts'

/** Providers keep stored state for 30 days; ciphertext is not older than that in practice. */
const TTL_MS = 30 * 24 * 3600 * 1000

const keyFor = (fingerprint: string): string => `encrypted:${fingerprint}`

const CARRIERS: ReadonlySet<ShapeName> = new Set(['responses', 'compaction', 'trigger'])

/** encrypted_content_affinity: on, and the route's bodies can carry ciphertext. */
export const bindsCiphertext = (config: Config, shape: ShapeName): boolean =>
  config.router.optionalPreCallChecks.has('encrypted_content_affinity') && CARRIERS.has(shape)

/** The deployment whose provider issued ciphertext of this body, when this instance saw it being issued. */
export const pinOfCiphertext = (
  bytes: Uint8Array,
  config: Config,
  board: Pick<Board, 'recall'>,
): Pin | undefined => {
  for (const fingerprint of encryptedParts(bytes)) {
    const id = board.recall(keyFor(fingerprint))
    const owner = id === undefined ? undefined : config.byId.get(id)
    if (owner !== undefined)
      return { deploymentId: owner.id, boundary: owner.boundary, because: 'encrypted_content' }
  }
  return undefined
}

/** Remembers who issued the ciphertext of an answer. */
export const rememberCiphertext = (
  bytes: Uint8Array,
  deploymentId: string,
  board: Pick<Board, 'remember'>,
): void => {
  for (const fingerprint of encryptedParts(bytes)) board.remember(keyFor(fingerprint), deploymentId, TTL_MS)
}
