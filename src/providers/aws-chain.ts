import { parentPort, workerData } from 'node:worker_threads'
import {
  fromIni,
  fromNodeProviderChain,
  fromTemporaryCredentials,
  fromWebToken,
} from '@aws-sdk/credential-providers'
import { endCommands } from './aws-commands.ts'
import type { AwsOrder, AwsWord } from './aws-credentials.ts'
import { askedBy, ONCE } from './aws-options.ts'

/**
 * Runs on a thread of its own, started by aws-credentials.ts: AWS's library finds credentials in all the places that it
 * knows (environment, profiles, SSO, web identity, containers, instances), assumes a role if one is named, and posts
 * the keys once. The thread's environment is the configuration's.
 */

type Provider = ReturnType<typeof fromNodeProviderChain>

/** A metadata server answers at once or is not there. */
const METADATA = { timeout: 1_000, maxRetries: 1 }

const sourceOf = (order: AwsOrder): Provider => {
  const { source } = order
  switch (source.kind) {
    case 'keys': {
      const { kind: _, ...keys } = source
      return async () => keys
    }
    case 'profile':
      return fromIni({ profile: source.name, ...askedBy(order) })
    case 'chain':
      return fromNodeProviderChain({ ...askedBy(order), ...METADATA })
  }
}

const providerOf = (order: AwsOrder): Provider => {
  const { role, region, endpoint, webToken } = order
  const clientConfig = { region, ...(endpoint === undefined ? {} : { endpoint }), ...ONCE }
  if (role === undefined) return sourceOf(order)
  if (webToken !== undefined)
    return fromWebToken({
      roleArn: role.arn,
      roleSessionName: role.sessionName,
      webIdentityToken: webToken,
      clientConfig,
    })
  const params = {
    RoleArn: role.arn,
    RoleSessionName: role.sessionName,
    ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
  }
  return fromTemporaryCredentials({ masterCredentials: sourceOf(order), params, clientConfig })
}

/** The library has one word for nearly everything that goes wrong; its sentences tell more. */
const REASONS: readonly (readonly [said: RegExp, reason: string])[] = [
  [/^Command failed: |credential_process/, 'the credential process failed'],
  [/\bSSO session\b|\baws sso login\b/, 'the SSO session is over'],
]

const reasonOf = (error: unknown): string => {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  const word = typeof code === 'string' && code !== '' ? code : name
  const said = error instanceof Error ? error.message : ''
  const known = REASONS.find(([pattern]) => pattern.test(said))?.[1]
  if (known !== undefined) return known
  if (word === 'CredentialsProviderError')
    return /^([A-Z]\w{1,60}Exception): /.exec(said)?.[1] ?? 'none found'
  if (word === 'Error') return 'no usable answer'
  return typeof word === 'string' && /^[A-Za-z][A-Za-z0-9_.]{1,60}$/.test(word) ? word : 'unknown error'
}

/** A command may be written with a secret in it, and what it prints as it fails may be one: neither is repeated. */
const detailOf = (error: unknown): string => {
  const said = error instanceof Error ? error.message : ''
  return said.startsWith('Command failed: ')
    ? 'the command of the profile ended with an error; run it to see which'
    : said
}

const find = async (order: AwsOrder): Promise<AwsWord> => {
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await providerOf(order)()
    // What is left of its life, because the gateway's clock is not this thread's.
    const livesMs = expiration === undefined ? undefined : expiration.getTime() - Date.now()
    return { kind: 'value', value: { accessKeyId, secretAccessKey, sessionToken, livesMs } }
  } catch (error) {
    return { kind: 'fault', reason: reasonOf(error), detail: detailOf(error) }
  }
}

// Whoever began this thread gives it up.
parentPort?.once('message', async () => {
  await endCommands()
  process.exit()
})
parentPort?.unref()

parentPort?.postMessage(await find(workerData as AwsOrder))
