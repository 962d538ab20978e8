import { type Channel, createChannelWay } from '../../src/shared/channel-way.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { createHub } from '../../src/shared/exchange.ts'
import type { HealthEvent } from '../../src/shared/ports.ts'

/** A worker of which only the way to its siblings is there: it publishes what it is told to, and reports what it hears. */

const channel: Channel = {
  send: (message, sent) => process.send?.(message, undefined, undefined, sent),
  onMessage: hear => void process.on('message', hear),
}
const hub = createHub(systemClock())
const way = hub.attach(createChannelWay(channel, systemClock()))
hub.subscribe(event => process.send?.({ heard: event }))
process.on('message', ({ publish }: { readonly publish?: HealthEvent }) => {
  if (publish !== undefined) hub.publish(publish)
})
process.on('disconnect', () => process.exit(0))
await way.ready
process.send?.({ ready: true })
