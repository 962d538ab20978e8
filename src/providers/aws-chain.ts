import { parentPort, workerData } from 'node:worker_threads'
import {
  fromIni,
  fromNodeProviderChain,
  fromTemporaryCredentials,
  fromWebToken,
} from '@aws-sdk/credential-providers'
import type { AwsOrder, AwsWord } from './aws-credentials.ts'

/**
 * Runs on a thread of its own, started by aws-credentials.ts: AWS's library finds credentials in all the places that it
 * knows (environment, profiles, SSO, web identity, containers, instances), assumes a role if one is named, and posts
 * the keys once. The thread's environment is the configuration's.
 */

type Provider = ReturnType<typeof fromNodeProviderChain>

/** A metadata server answers at once or is not there. */
const METADATA = { timeout: 1_000, maxRetries: 1 }
/** Whoever waits for the keys tries again by itself. */
const ONCE = { maxAttempts: 1 }

const sourceOf = ({ source, region }: AwsOrder): Provider => {
  const clientConfig = { region, ...ONCE }
  switch (source.kind) {
    case 'keys': {
      const { kind: _, ...keys } = source
      return async () => keys
    }
    case 'profile':
      return fromIni({ profile: source.name, clientConfig })
    case 'chain':
      return fromNodeProviderChain({ clientConfig, ...METADATA })
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

const reasonOf = (error: unknown): string => {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  const word = typeof code === 'string' && code !== '' ? code : name
  if (word === 'CredentialsProviderError') return 'none found'
  if (word === 'Error') return 'no usable answer'
  return typeof word === 'string' && /^[A-Za-z][A-Za-z0-9_.]{1,60}$/.test(word) ? word : 'unknown error'
}

const find = async (order: AwsOrder): Promise<AwsWord> => {
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await providerOf(order)()
    // What is left of its life, because the gateway's clock is not this thread's.
    const livesMs = expiration === undefined ? undefined : expiration.getTime() - Date.now()
    return { kind: 'value', value: { accessKeyId, secretAccessKey, sessionToken, livesMs } }
  } catch (error) {
    const detail = error instanceof Error ? error.message : ''
    return { kind: 'fault', reason: reasonOf(error), detail }
  }
}

parentPort?.postMessage(await find(workerData as AwsOrder))
