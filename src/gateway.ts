import { attempt } from './attempt/attempt.ts'
import type { Settled } from './attempt/settled.ts'
import { ANYONE, authenticate, isPublic, keyInQuery } from './authenticate/authenticate.ts'
import type { Call, Received } from './call.ts'
import type { House } from './house.ts'
import { lookBack } from './read/look-back.ts'
import { read } from './read/read.ts'
import { isToRecall, recall } from './read/recall.ts'
import { type Intake, receive } from './read/receive.ts'
import { record } from './record/record.ts'
import { letGo } from './reply/let-go.ts'
import { beginTurn } from './reply/mirror.ts'
import { type Pulse, pulseFor } from './reply/pulse.ts'
import { answerRefusal } from './reply/refusal.ts'
import { type Finish, reply } from './reply/reply.ts'
import type { Turn } from './shared/mirror.ts'
import { IN_STEP } from './turn.ts'

/**
 * The sentence: authenticate → receive → read → attempt ( plan, adapt, send, classify ) → reply → record.
 * Calls go through the stages in step with those that came with them (turn.ts).
 * Throw to leave, return to decide: a refusal is thrown and answered once, below; an upstream failure is a value.
 * `record` hangs on the end of the reply, however it ends.
 */
export const gateway =
  (house: House) =>
  async (received: Received): Promise<void> => {
    let call: Call | undefined
    let settled: Settled | undefined
    let finish: Finish
    let intake: Intake | undefined
    let pulse: Pulse | undefined
    let turn: Turn | undefined
    try {
      const caller = isPublic(received)
        ? ANYONE
        : authenticate(received.request, received.config, keyInQuery(received))
      const arriving = receive(received.request, received.config.general.maxRequestBytes, house.memory)
      intake = arriving instanceof Promise ? await arriving : arriving
      call = read(received, caller, intake.bytes, house)
      const looking = lookBack(call, house.board.origins)
      if (looking !== undefined && (await looking)) call = read(received, caller, intake.bytes, house)
      if (isToRecall(call)) call = await recall(call, house)
      pulse = pulseFor(received, call, house)
      turn = beginTurn(call, house)
      await IN_STEP
      settled = await attempt(call, house)
      finish = await reply({ received, call, settled, house, pulse, turn })
    } catch (error) {
      finish = answerRefusal(received, error, house)
    } finally {
      letGo({ intake, call, settled, pulse, turn }, house)
    }
    record({ received, call, settled, finish }, house)
  }
