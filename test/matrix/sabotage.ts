import type { TestContext } from 'node:test'
import type { Transport } from '../../src/attempt/transport.ts'
import type { Sabotage } from './engine.ts'

/** What breaks an engine, to see that the matrix notices. */

/** Changes one value of an engine's table until the test is over. */
export const breaks = <Table extends object, Key extends keyof Table>(
  t: TestContext,
  table: Table,
  change: readonly [key: Key, value: Table[Key]],
): void => {
  const [key, value] = change
  const sound = table[key]
  table[key] = value
  t.after(() => {
    table[key] = sound
  })
}

/** The same engine on another transport. */
export const transported =
  (change: (transport: Transport) => Transport['send']): Sabotage =>
  house => ({ ...house, transport: { ...house.transport, send: change(house.transport) } })
