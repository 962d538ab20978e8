import type { TestContext } from 'node:test'
import { type Served, serve } from '../../src/listen/serve.ts'
import { ROUTES, type Route } from '../../src/routes.ts'
import type { Stage, StageOptions } from '../../src/stage/stage.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import {
  deployment,
  MASTER_KEY,
  type Play,
  play,
  type Reply,
  replyOf,
  type StageSet,
  type StartOptions,
} from './harness.ts'
import type { RawClient } from './raw.ts'
import { type ClientRequest, modelOf, type Props, propsFor, recipeOf, streamsOf } from './requests.ts'

type Headers = ClientRequest['headers']

/** A gateway in front of three strict providers, with groups of its own for every row of the endpoint table. */
export type Cast = {
  readonly play: Play<StageSet>
  /** Asked first. */
  readonly lead: Stage
  /** The second deployment of the paired groups. */
  readonly spare: Stage
  /** Another provider, for the fallback group. */
  readonly backup: Stage
  readonly open: (request: ClientRequest, headers?: Headers) => Promise<RawClient>
  readonly send: (request: ClientRequest, headers?: Headers) => Promise<Reply>
  /** Makes what requests for this route are about, with nothing scripted. */
  readonly props: (route: Route, group: string) => Promise<Props>
  /** Forgets requests and scripts of all three stages. */
  readonly clear: () => void
}

/** Who plays, by what the endpoints of a cast speak. */
const STAGES = {
  openai: { lead: {}, spare: {}, backup: { flavour: 'azure', models: ['*'] } },
  anthropic: {
    lead: { flavour: 'anthropic', models: ['*'] },
    spare: { flavour: 'anthropic', models: ['*'] },
    backup: { flavour: 'anthropic', models: ['*'] },
  },
  gemini: {
    lead: { flavour: 'gemini', models: ['*'] },
    spare: { flavour: 'gemini', models: ['*'] },
    backup: { flavour: 'gemini', models: ['*'] },
  },
} as const
export type Tongue = keyof typeof STAGES

/** Whose API the row is of. */
export const tongueOf = (route: Route): Tongue => recipeOf(route).speaks ?? 'openai'

/** One deployment, falling back to `backup`. */
export const leadOf = (route: Route): string => `lead/${route.name}`
/** Another provider, another name for the model. */
export const backupOf = (route: Route): string => `backup/${route.name}`
/** As `lead`, with a stream_timeout that no answer is meant to meet. */
export const hurriedOf = (route: Route): string => `hurried/${route.name}`
/** As `lead`, with one that a healthy answer meets on a busy machine, too. */
export const haltingOf = (route: Route): string => `halting/${route.name}`
/** Two deployments that rest after one failure; one group a variant, because a rest lasts. */
export const pairOf = (route: Route, stream: boolean): string =>
  `pair${stream ? '-stream' : ''}/${route.name}`
/** Serves another model: vectors may not cross to it. */
export const OTHER_VECTORS = 'other/embeddings'
/** Has no other fallback than that. */
export const STRANDED_VECTORS = 'stranded/embeddings'

const HURRY_SECONDS = 0.1
const HALT_SECONDS = 0.6

const resting = { model_info: { allowed_fails: 0, cooldown_time: 600 } }

type Stages = Readonly<Record<'lead' | 'spare' | 'backup', Stage>>

const groupsFor = (route: Route, { lead, spare, backup }: Stages): JsonObject[] => {
  const model = modelOf(route)
  return [
    deployment(leadOf(route), lead, model),
    deployment(hurriedOf(route), lead, model, { stream_timeout: HURRY_SECONDS }),
    deployment(haltingOf(route), lead, model, { stream_timeout: HALT_SECONDS }),
    {
      ...deployment(backupOf(route), backup, `prod-${model}`),
      model_info: { base_model: model },
    },
    ...streamsOf(route).flatMap(stream => [
      { ...deployment(pairOf(route, stream), lead, model), ...resting },
      { ...deployment(pairOf(route, stream), spare, model), ...resting },
    ]),
  ]
}

const fallbacksFor = (route: Route): JsonObject[] => {
  // A group that may not serve stands in front: it must be passed over, not end the way.
  const targets = [...(route.name === 'embeddings' ? [OTHER_VECTORS] : []), backupOf(route)]
  return [{ [leadOf(route)]: targets }, { [hurriedOf(route)]: targets }, { [haltingOf(route)]: targets }]
}

/** Vectors that may not cross. */
const strandedIn = ({ lead, backup }: Stages): JsonObject[] => [
  deployment(OTHER_VECTORS, backup, 'text-embedding-3-large'),
  deployment(STRANDED_VECTORS, lead, 'text-embedding-3-small'),
]

const configFor = (stages: Stages, tongue: Tongue): object => {
  const routes = ROUTES.filter(route => tongueOf(route) === tongue)
  const stranded = tongue === 'openai'
  return {
    model_list: [
      ...routes.flatMap(route => groupsFor(route, stages)),
      ...(stranded ? strandedIn(stages) : []),
    ],
    router_settings: {
      num_retries: 1,
      // What a break looks like when nobody goes on; who goes on, and how, has tests of its own.
      stream_recovery: 'off',
      fallbacks: [
        ...routes.flatMap(fallbacksFor),
        ...(stranded ? [{ [STRANDED_VECTORS]: [OTHER_VECTORS] }] : []),
      ],
    },
  }
}

export const authorized: Headers = [['authorization', `Bearer ${MASTER_KEY}`]]

/** A gateway whose dice always show the lowest number: no jitter, and the first in the file is drawn first. */
export const steadily = (options: StartOptions): Promise<Served> =>
  serve({ ...options, dice: { random: () => 0 } })

type Door = Pick<Play<StageSet>, 'send'>

/** Sends client requests with the master key. */
export const sendTo = (door: Door): Pick<Cast, 'open' | 'send'> => {
  const open: Cast['open'] = ({ method, path, headers, body }, more = []) =>
    door.send({
      method,
      path,
      headers: [...authorized, ...headers, ...more],
      ...(body === undefined ? {} : { body }),
    })
  return { open, send: async (request, more) => replyOf(await open(request, more)) }
}

/** Starts the cast; it leaves when the test ends. */
export const raise = async (t: TestContext, tongue: Tongue = 'openai'): Promise<Cast> => {
  const started = await play<Readonly<Record<'lead' | 'spare' | 'backup', StageOptions>>>(t, {
    stages: STAGES[tongue],
    config: stages => configFor(stages, tongue),
    start: steadily,
  })
  const { stages } = started
  const { open, send } = sendTo(started)
  const clear = (): void => {
    for (const stage of Object.values(stages)) stage.clear()
  }
  return {
    play: started,
    ...stages,
    open,
    send,
    props: (route, group) => {
      clear()
      return propsFor(route, group, send)
    },
    clear,
  }
}
