import assert from 'node:assert/strict'
import type { Owner } from './harness.ts'
import { startTokenService, type TokenCall } from './token-service.ts'

/** A service that gives tokens for an hour, told apart by their numbers, or none and repeats what it was asked with. */

export const tokenOf = (stem: string, number: number): string => `${stem}-${number}`

export const startNumbered = async (t: Owner, stem: string) => {
  let current: number | undefined
  const service = await startTokenService(t, ({ body }) =>
    current === undefined
      ? { status: 503, body: { error: 'unavailable', error_description: `Not for ${body}` } }
      : { body: { access_token: tokenOf(stem, current), expires_in: 3600, token_type: 'Bearer' } },
  )
  return {
    service,
    says: (number: number | undefined): void => {
      current = number
    },
    asked: (): number => service.calls.length,
  }
}

export const assertBearer = ({ headers }: TokenCall, token: string): void => {
  assert.equal(headers.authorization, `Bearer ${token}`)
  for (const name of ['api-key', 'x-api-key', 'x-goog-api-key']) assert.equal(headers[name], undefined)
}
