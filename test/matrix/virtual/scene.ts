import type { Sabotage } from '../engine.ts'
import type { Plan, Scene } from '../scene.ts'
import { type Play, playSeries, playVirtual } from './play.ts'
import type { Rehearsal } from './rehearsal.ts'

export type Options = { readonly sabotage: Sabotage | undefined }

/** A row with a gateway in virtual time. */
export const virtualScene = (rehearsal: Rehearsal, { sabotage }: Options): Scene => {
  const play = ({ target, request, scriptFor, leaves }: Plan): Play => ({
    config: rehearsal.configs[target],
    request,
    scriptFor: ({ id, at, request }, place) =>
      scriptFor({ id, place, body: request?.body ?? Buffer.alloc(0), ms: at }),
    leaves,
    sabotage,
  })
  return {
    ...rehearsal,
    play: plan => playVirtual(play(plan)),
    playSeries: (plan, rhythm) => playSeries(play(plan), rhythm),
  }
}
