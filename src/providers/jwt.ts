import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { CredentialFault } from './recipe.ts'

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const readKey = (pem: string): KeyObject => {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new CredentialFault('the private key is no PEM key')
  }
  // Any other key would sign with an algorithm that the header does not name.
  if (key.asymmetricKeyType !== 'rsa') throw new CredentialFault('the private key is no RSA key')
  return key
}

/** A compact JWT signed with RS256 (RFC 7519, RFC 7518 section 3.3). `pem` may hold a certificate beside the key. */
export const signedJwt = (header: object, claims: object, pem: string): string => {
  const text = `${part({ alg: 'RS256', typ: 'JWT', ...header })}.${part(claims)}`
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), readKey(pem)).toString('base64url')}`
}
