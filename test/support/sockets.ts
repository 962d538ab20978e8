import { once } from 'node:events'
import type { Server, Socket } from 'node:net'

type Owner = { readonly after: (work: () => Promise<void>) => void }

/** Listens on loopback until the test is over, and then lets go of every connection. Resolves with the base URL. */
export const openFor = async (t: Owner, server: Server, sockets: Iterable<Socket>): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://127.0.0.1:${port}/v1`
}
