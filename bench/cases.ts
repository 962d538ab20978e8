export type CaseName = '1k' | '100k' | '2m' | 'stream'

export type Case = {
  readonly name: CaseName
  readonly title: string
  readonly bodyBytes: number
  /** Connections for the throughput and CPU runs. */
  readonly connections: number
  /** Seconds of the same load before anything is measured: until the compilers are done with what it runs through. */
  readonly warmUp: number
  /** Requests a second of the run in which all servers carry the same load. */
  readonly rate?: number
}

export const CASES: readonly Case[] = [
  { name: '1k', title: 'chat, 1 KB', bodyBytes: 1024, connections: 32, warmUp: 24, rate: 2000 },
  { name: '100k', title: 'chat, 100 KB', bodyBytes: 100 * 1024, connections: 16, warmUp: 8 },
  { name: '2m', title: 'chat, 2 MB', bodyBytes: 2 * 1024 * 1024, connections: 4, warmUp: 8 },
  { name: 'stream', title: 'chat, stream of 200 events', bodyBytes: 1024, connections: 16, warmUp: 8 },
]

/** Connections for the latency runs: few enough that no queue forms. */
export const LATENCY_CONNECTIONS = 2

const WORDS = 'The understudy learns every part and waits in the wings, "just in case".\n'

/** A chat body of about `bodyBytes` bytes: a conversation of messages of 4 KB or less. */
export const bodyOf = (name: CaseName, model: string): string => {
  const size = CASES.find(one => one.name === name)?.bodyBytes ?? 1024
  const messages: { role: string; content: string }[] = []
  let left = size - 120
  while (left > 0) {
    const role = messages.length % 2 === 0 ? 'user' : 'assistant'
    const length = Math.min(left, 4000)
    messages.push({ role, content: WORDS.repeat(Math.ceil(length / WORDS.length)).slice(0, length) })
    left -= length + 60
  }
  const stream = name === 'stream' ? { stream: true } : {}
  return JSON.stringify({ model, ...stream, temperature: 0.2, max_tokens: 256, messages })
}
