import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Json } from '../../src/wire/json.ts'
import { MASTER_KEY, type Owner, type Reply } from './harness.ts'
import type { Served } from './process.ts'
import { openRaw, type RawClient } from './raw.ts'

/** The processes of one gateway, as the kernel shows them. */

/** Which process has what can only be seen where the kernel shows it as files. */
export const needsProc = { skip: process.platform === 'linux' ? false : 'reads /proc' }

export const workersOf = ({ pid }: Pick<Served, 'pid'>): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(text => text !== '')
    .map(Number)

const linksOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/fd`).map(fd => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return ''
    }
  })

export const socketsOf = (pid: number): number =>
  linksOf(pid).filter(link => link.startsWith('socket:')).length

/** A process that has ended may stand in the table until whoever inherited it looks: it is dead all the same. */
export const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
  } catch {
    return false
  }
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** The server's end of a connection over loopback that has been answered once. */
const inodeOf = (serverPort: number, clientPort: number): string => {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  for (const line of lines) {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/)
    if (local.endsWith(`:${hex(serverPort)}`) && remote.endsWith(`:${hex(clientPort)}`)) return inode
  }
  return assert.fail(`no connection from ${clientPort} to ${serverPort}`)
}

/** Asks one process of several, over a connection that stays. */
export type Member = {
  readonly pid: number
  readonly ask: (path: string, body?: Json) => Promise<Reply>
}

const HEADERS = [
  ['authorization', `Bearer ${MASTER_KEY}`],
  ['content-type', 'application/json'],
] as const

const askOver = async (client: RawClient, path: string, body: Json | undefined): Promise<Reply> => {
  await client.request({
    path,
    headers: HEADERS,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const head = await client.head()
  const text = (await client.body()).toString()
  const headers = Object.fromEntries(head.headers.map(([name, value]) => [name.toLowerCase(), value]))
  return { status: head.status, headers, text, json: () => JSON.parse(text) }
}

/** The kernel spreads connections by chance: so many are opened until one of them is with the process. */
const MOST_TRIES = 100

/** A connection to this process of the gateway, closed when the test ends. */
export const memberOf = async (t: Owner, { url }: Pick<Served, 'url'>, pid: number): Promise<Member> => {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const client = await openRaw(url, 20_000)
    t.after(async () => void client.leave())
    await askOver(client, '/health/liveliness', undefined)
    const inode = inodeOf(Number(new URL(url).port), client.port)
    if (linksOf(pid).includes(`socket:[${inode}]`))
      return { pid, ask: (path, body) => askOver(client, path, body) }
    client.leave()
  }
  return assert.fail(`process ${pid} took none of ${MOST_TRIES} connections`)
}
