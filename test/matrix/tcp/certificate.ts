import { createSign, generateKeyPairSync } from 'node:crypto'

/** A certificate that nobody trusts, made anew in each process: no key lies in the repository. */
export type Certificate = { readonly key: string; readonly cert: string }

const lengthOf = (length: number): Buffer => {
  if (length < 0x80) return Buffer.of(length)
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff)
}

const tagged = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts)
const time = (text: string): Buffer => tagged(0x18, Buffer.from(text))

/** 1.2.840.10045.4.3.2 and 2.5.4.3, as X.690 writes them. */
const ECDSA_SHA256 = sequence(tagged(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
const COMMON_NAME = tagged(0x06, Buffer.from('550403', 'hex'))

const NAME = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from('nobody')))))
const VALIDITY = sequence(time('20200101000000Z'), time('21000101000000Z'))
const VERSION_3 = tagged(0xa0, tagged(0x02, Buffer.of(2)))
const SERIAL = tagged(0x02, Buffer.of(1))

export const untrusted = (): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicInfo = publicKey.export({ type: 'spki', format: 'der' })
  const body = sequence(VERSION_3, SERIAL, ECDSA_SHA256, NAME, VALIDITY, NAME, publicInfo)
  const signature = createSign('sha256').update(body).sign(privateKey)
  const whole = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.of(0), signature))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}
