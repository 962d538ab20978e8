import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Owner } from './harness.ts'

/** One request at a token service. */
export type TokenCall = {
  readonly method: string
  /** Path and query as sent. */
  readonly target: string
  /** Lower-case names. */
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** The body as a form. */
  readonly form: Readonly<Record<string, string>>
}

export type TokenReply = {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body: string | object
}

export type Answering = (call: TokenCall, count: number) => TokenReply | Promise<TokenReply>

/** Whoever gives tokens: a sign-in service, a metadata server, a provider of identities. Plain HTTP on loopback. */
export type TokenService = {
  /** scheme://host:port */
  readonly origin: string
  readonly host: string
  readonly calls: readonly TokenCall[]
  readonly answer: (answering: Answering) => void
  /** Resolves when so many requests have come in all. */
  readonly reached: (count: number) => Promise<void>
}

export const startTokenService = async (t: Owner, first: Answering): Promise<TokenService> => {
  let answering = first
  const calls: TokenCall[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const { method = '', url = '', headers } = request
    const call = { method, target: url, headers, body, form: Object.fromEntries(new URLSearchParams(body)) }
    calls.push(call)
    for (const one of waiting) if (calls.length >= one.count) one.resolve()
    const reply = await answering(call, calls.length)
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
    const type = typeof reply.body === 'string' ? 'text/plain' : 'application/json'
    response.writeHead(reply.status ?? 200, { 'content-type': type, ...reply.headers }).end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const address = server.address()
  const host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    origin: `http://${host}`,
    host,
    calls,
    answer: next => {
      answering = next
    },
    reached: count =>
      new Promise(resolve => {
        if (calls.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
  }
}

/** A gate for answers: nobody passes before it opens. */
export const gate = (): { readonly passed: Promise<void>; readonly open: () => void } => {
  let open = (): void => {}
  const passed = new Promise<void>(resolve => {
    open = resolve
  })
  return { passed, open }
}

/** A provider that answers every chat call, whatever it is signed with. Its calls show what that was. */
export const startChatProvider = (t: Owner): Promise<TokenService> =>
  startTokenService(t, () => ({
    body: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
  }))

/** A sign-in service in the manner of Entra ID: tokens for an hour, `entra-token-1`, `entra-token-2`, … */
export const entra = (t: Owner): Promise<TokenService> =>
  startTokenService(t, (_call, count) => ({
    body: { token_type: 'Bearer', expires_in: 3600, access_token: `entra-token-${count}` },
  }))

/** What each call was authorised with, in order of arrival. */
export const bearers = ({ calls }: TokenService): readonly (string | undefined)[] =>
  calls.map(call => call.headers.authorization)
