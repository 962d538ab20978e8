import { readFileSync } from 'node:fs'

const version = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const found: unknown = JSON.parse(text)
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : '0'
}

/** The user-agent of every upstream request. */
export const USER_AGENT = `understudy/${version()}`
