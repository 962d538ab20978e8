import type { Config } from '../../../src/config/config.ts'
import type { FailureClass } from '../../../src/failure.ts'
import { isObject, type JsonObject } from '../../../src/wire/json.ts'
import type { SimClient } from '../client.ts'
import { endpointOf } from '../endpoints.ts'
import { ERRORS, WAITING } from '../errors.ts'
import type { Hit, World } from '../facts.ts'
import type { Invariant } from '../invariant.ts'
import {
  type Attempt,
  attemptsOf,
  candidatesFor,
  eventsIn,
  hitsOf,
  isStreamOf,
  jsonIn,
  levelsOf,
  namesIds,
  recordOf,
  stayed,
  visitsOf,
  wasResumed,
} from '../views.ts'

/** Statuses that the gateway itself answers with when nothing was asked upstream. */
const OWN = new Set([400, 401, 403, 404, 408, 429, 503])

/** What an error that came behind a 200 is shown as. */
const HIDDEN: Readonly<Partial<Record<FailureClass, number>>> = {
  rate_limit: 429,
  quota: 429,
  overloaded: 503,
  context_window: 400,
  content_policy: 400,
  caller_fault: 400,
}

/** The statuses that a client may be shown when this attempt was the one that counts. */
const shownFor = ({ hit, step }: Attempt): readonly number[] => {
  const { act } = hit
  if (step.outcome.startsWith('timeout')) return [408]
  if (act.act === 'refuse') return [ERRORS[act.error].shown]
  if (act.act === 'break')
    return [act.fault === 'connect_timeout' || act.fault === 'headers_timeout' ? 408 : 500]
  if (act.act === 'fail_inside') return [HIDDEN[ERRORS[act.error].class] ?? 500]
  return [500]
}

/** When the first of those is back, as milliseconds of the schedule; undefined: one of them has not said when. */
const soonestOf = (hits: readonly Hit[]): number | undefined => {
  const ends = hits.map(({ at, askedMs }) => (askedMs === undefined ? undefined : at + askedMs))
  const known = ends.filter(end => end !== undefined)
  return known.length === 0 || known.length < ends.length ? undefined : Math.min(...known)
}

/** `asked`: providers that the client may have to wait for; it is not told to come before all of them. */
const headerProblems = (client: SimClient, asked: readonly Hit[]): readonly string[] => {
  const { heard, headAt } = client
  if (heard?.status !== 429) return []
  const told = Number(heard.headers['retry-after'])
  if (!Number.isInteger(told) || told < 1 || told > 3600)
    return [`client ${client.index} is told to come back after ${heard.headers['retry-after']}`]
  const soonest = soonestOf(asked)
  return soonest !== undefined && (headAt ?? 0) + told * 1000 < soonest
    ? [`client ${client.index} is told to come back after ${told} s, and nobody is back before ${soonest} ms`]
    : []
}

/** Who has to be back before the client is served: the one whose failure it reads, and all who had their limits. */
const waitedFor = (attempts: readonly Attempt[], decisive: Attempt): readonly Hit[] =>
  WAITING.has(decisive.step.outcome as FailureClass)
    ? attempts.filter(one => one === decisive || one.step.outcome === 'rate_limit').map(({ hit }) => hit)
    : []

/** Somebody rested who was not asked, and may be back before those who were. */
const passedOver = (world: World, client: SimClient): boolean =>
  recordOf(world, client)?.skipped?.some(why => /No deployments available/.test(why)) === true

/** The time of the whole request was over: whatever was being asked then is not what failed. */
const ranOut = (world: World, client: SimClient): boolean =>
  recordOf(world, client)?.error?.class?.startsWith('timeout') === true

/**
 * What it refers to is held by an account that is out, and another one could serve the whole input: it is told so, in
 * words that name the id as it was written.
 */
const isToldToSendAll = (client: SimClient, error: JsonObject): boolean =>
  client.script.follows !== undefined &&
  client.heard?.status === 400 &&
  error.code === 'previous_response_not_found' &&
  /^Previous response with id 'resp_[\w-]{70,}' not found\.$/.test(String(error.message)) &&
  new Set((client.config as Config).deployments.map(one => one.boundary)).size > 1

const errorProblems = (world: World, client: SimClient): readonly string[] => {
  const { heard } = client
  if (heard === undefined || heard.status < 400) return []
  const error = jsonIn(heard.body)?.error
  if (!isObject(error) || typeof error.message !== 'string' || typeof error.code !== 'string')
    return [`client ${client.index} cannot read its error: ${heard.body.slice(0, 200)}`]
  if (isToldToSendAll(client, error)) return []
  if (hitsOf(world, client).length === 0)
    return OWN.has(heard.status)
      ? headerProblems(client, [])
      : [`client ${client.index} got ${heard.status} although nobody was asked`]
  const attempts = attemptsOf(world, client)
  if (ranOut(world, client) && heard.status === 408) return []
  const decisive = visitsOf(attempts)[0]?.at(-1)
  if (decisive === undefined) return []
  // Where a deployment is named by its id it is asked beside its group, and the trail does not always tell them apart.
  if (namesIds(world))
    return OWN.has(heard.status) || attempts.flatMap(shownFor).includes(heard.status)
      ? []
      : [`client ${client.index} got ${heard.status}, which nobody said`]
  // Nobody of the first group could be asked: that is what the gateway says, whatever its fallbacks said.
  const [first] = candidatesFor(client.script.model, client.config as Config)
  if (first?.group !== decisive.step.group && OWN.has(heard.status)) return headerProblems(client, [])
  const shown = shownFor(decisive)
  return shown.includes(heard.status)
    ? headerProblems(client, passedOver(world, client) ? [] : waitedFor(attempts, decisive))
    : [`client ${client.index} got ${heard.status}, its first group failed with ${shown.join(' or ')}`]
}

export const theFinalErrorIsReal: Invariant = {
  name: 'theFinalErrorIsReal',
  sentence:
    "The final error is the first group's last one, or one that the gateway names; a 429 tells when to come back, never too early.",
  end: world => world.clients.filter(stayed).flatMap(client => errorProblems(world, client)),
}

/** Answers of these shapes say what was used. */
const COUNTED = new Set([
  'chat',
  'completions',
  'embeddings',
  'images',
  'transcription',
  'responses',
  'compaction',
])

const priceIn = (config: Config, id: string): readonly [input: number, output: number] | undefined => {
  const deployment = config.byId.get(id)
  return deployment?.inputCostPerToken === undefined
    ? undefined
    : [deployment.inputCostPerToken, deployment.outputCostPerToken ?? 0]
}

const costIn = (config: Config, { step }: Attempt): number | undefined => {
  const price = priceIn(config, step.deployment)
  const { usage } = step
  return usage === undefined || price === undefined
    ? undefined
    : usage.inputTokens * price[0] + usage.outputTokens * price[1]
}

const isNear = (one: number | undefined, other: number | undefined): boolean =>
  one === undefined || other === undefined ? one === other : Math.abs(one - other) < 1e-12

/** What a step says was used is what its provider said, or is called an estimate. */
const usageProblems = ({ step, hit }: Attempt): readonly string[] => {
  const { usage, estimated } = step
  if (usage === undefined || estimated === true) return []
  const same = hit.usage?.input === usage.inputTokens && hit.usage.output === usage.outputTokens
  return same
    ? []
    : [
        `hit ${hit.index} is billed ${usage.inputTokens} + ${usage.outputTokens} tokens, it used ${hit.usage?.input} + ${hit.usage?.output}`,
      ]
}

const billProblems = (world: World, client: SimClient): readonly string[] => {
  const record = recordOf(world, client)
  const attempts = attemptsOf(world, client)
  const last = attempts.at(-1)
  if (record?.servedDeployment === undefined || last === undefined) return []
  const config = client.config as Config
  const name = `client ${client.index}`
  const billed = attempts.filter(({ step }) => step.usage !== undefined)
  // What was outrun is paid for, and is no part of the answer.
  const tokens = billed
    .filter(({ step }) => step.outcome !== 'outrun')
    .reduce((sum, { step }) => sum + (step.usage?.inputTokens ?? 0), 0)
  const server = attempts.findLast(({ step }) => step.resumed === undefined)
  const counted =
    COUNTED.has(endpointOf(client.script).shape) &&
    record.end === 'complete' &&
    last.hit.endStep !== undefined
  // A prompt alone may have a price on the public list, of which nothing is known here.
  const known = billed.filter(
    ({ step }) => step.outcome !== 'outrun' || priceIn(config, step.deployment) !== undefined,
  )
  const unpriced = known.filter(attempt => !isNear(attempt.step.costUsd, costIn(config, attempt)))
  const right = (holds: boolean, what: string): readonly string[] => (holds ? [] : [`${name}: ${what}`])
  return [
    ...billed.flatMap(usageProblems),
    ...right(
      record.usage === undefined || record.usage.inputTokens === tokens,
      `its attempts used ${tokens} tokens, its request ${record.usage?.inputTokens}`,
    ),
    ...right(
      !counted || last.hit.usage === undefined || last.step.usage !== undefined,
      `nothing is billed for hit ${last.hit.index}`,
    ),
    ...right(
      unpriced.length === 0,
      `${unpriced.map(({ step }) => `${step.deployment} is charged ${step.costUsd}`).join()}`,
    ),
    ...right(
      record.costUsd === undefined || record.usage !== undefined,
      `a cost of ${record.costUsd} for nobody knows what`,
    ),
    ...right(
      server?.step.deployment === record.servedDeployment,
      `it was served by ${server?.step.deployment}, the record says ${record.servedDeployment}`,
    ),
  ]
}

export const theBillIsTheServers: Invariant = {
  name: 'theBillIsTheServers',
  sentence:
    'Deployment, usage and price on record are those of the attempt that answered; an unknown price is never 0.',
  end: world => world.clients.flatMap(client => billProblems(world, client)),
}

/** Whose answers carry the model's name. */
const NAMED = new Set(['chat', 'completions', 'embeddings', 'responses'])

const modelIn = (value: JsonObject | undefined): string | undefined =>
  typeof value?.model === 'string' ? value.model : undefined

const modelsIn = (client: SimClient): readonly (string | undefined)[] => {
  const body = client.heard?.body ?? ''
  if (!NAMED.has(endpointOf(client.script).shape) || client.script.endpoint === 'read_response') return []
  if (!isStreamOf(client)) return [modelIn(jsonIn(body))]
  return eventsIn(body).events.flatMap(({ value, kind }) => {
    const named = modelIn(isObject(value?.response) ? value.response : value)
    return kind === 'error' || named === undefined ? [] : [named]
  })
}

const storyProblems = (world: World, client: SimClient): readonly string[] => {
  const record = recordOf(world, client)
  const { heard } = client
  if (record === undefined || heard === undefined) return []
  const say = (header: string): string | undefined => heard.headers[header]
  const attempts = attemptsOf(world, client)
  const levels = visitsOf(attempts).flatMap(visit => levelsOf(visit, client)).length
  const retriable = attempts.filter(({ step }) => step.hedge !== true).length
  const differs = (holds: boolean, what: string): readonly string[] =>
    holds ? [] : [`client ${client.index}: ${what}`]
  const served = heard.status === 200
  // The head was sent before somebody else went on: what it counts is what had been then.
  const settled =
    attempts.length > 0 && !namesIds(world) && !wasResumed(attempts) && record.end !== 'upstream_broke'
  // Whoever goes on is named as its fallback entry names it: by its group, or by its id.
  const groups = new Set([
    say('x-litellm-model-group'),
    ...attempts.flatMap(({ step }) => (step.resumed === undefined ? [] : [step.group, step.deployment])),
  ])
  const models = modelsIn(client)
  return [
    ...differs(record.status === heard.status, `status ${heard.status}, on record ${record.status}`),
    ...differs(say('x-litellm-call-id') === record.callId, 'another call id'),
    ...differs(
      !served || say('x-litellm-model-id') === record.servedDeployment,
      `served by ${say('x-litellm-model-id')}, on record ${record.servedDeployment}`,
    ),
    ...differs(
      !served || models.every(one => groups.has(one)),
      `models ${models.join()}, the header says ${[...groups].join()}`,
    ),
    ...differs(
      !settled || record.retries === retriable - levels,
      `${record.retries} retries on record, ${attempts.length} attempts on ${levels} levels`,
    ),
    ...differs(
      !settled || say('x-litellm-attempted-retries') === String(record.retries),
      'another count of retries in the header',
    ),
    ...differs(
      !settled || say('x-litellm-attempted-fallbacks') === String(record.fallbacks),
      'another count of fallbacks in the header',
    ),
  ]
}

export const allAccountsAgree: Invariant = {
  name: 'allAccountsAgree',
  sentence: 'The model in the answer, the headers and the record tell the same story.',
  end: world => world.clients.filter(stayed).flatMap(client => storyProblems(world, client)),
}
