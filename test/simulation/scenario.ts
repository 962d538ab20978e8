import type { TransportFaultKind } from '../../src/attempt/transport.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import type { EndpointName } from './endpoints.ts'
import type { ErrorName, WaitForm } from './errors.ts'

/**
 * One schedule as plain data: who is configured, what the upstreams do, who calls when. A run is a function of this
 * value and of nothing else, so a failing one can be printed, made smaller and kept. All times are milliseconds.
 */
export type Scenario = {
  /** Of the gateway's own dice. */
  readonly seed: number
  /** A LiteLLM configuration file as data. */
  readonly config: JsonObject
  /** By `host/model` of the deployments that lead there. One that is not named answers. */
  readonly upstreams: Readonly<Record<string, Upstream>>
  readonly clients: readonly ClientScript[]
  readonly reloads: readonly Reload[]
}

export type Upstream = {
  /** One act for one request, in order of arrival; when they are used up, it answers. */
  readonly acts: readonly Act[]
  /** While it lasts every request meets this act, and none of the list is used. */
  readonly outage?: { readonly from: number; readonly until: number; readonly act: Act }
}

/** How long things take. */
export type Pace = {
  /** From the request to the response head. */
  readonly head?: number
  /** From the head to the first content of a stream. */
  readonly first?: number
  /** Between two events. */
  readonly gap?: number
}

export type Answering = {
  /** How many pieces the text has. */
  readonly pieces?: number
  /** own: a text that only this answer has; same: what every such answer says, word for word. */
  readonly words?: 'own' | 'same'
  /** Extra characters in every piece. */
  readonly bulk?: number
  /** The pieces are the arguments of a tool call. */
  readonly tools?: true
  /** Bytes of a stream arrive in pieces of this size. */
  readonly split?: number
  readonly newline?: '\n' | '\r\n' | '\r'
  /** The provider does not say what was used. */
  readonly silent?: true
}

export type Act = Pace &
  Answering &
  (
    | { readonly act: 'answer' }
    /** A status of its own. */
    | { readonly act: 'refuse'; readonly error: ErrorName; readonly wait?: WaitForm }
    /** No response head comes. `sent`: the request had been written. */
    | {
        readonly act: 'break'
        readonly fault: Exclude<TransportFaultKind, 'aborted'>
        readonly sent: boolean
      }
    /** Silence from here on: before the head, after the head, after some pieces. */
    | { readonly act: 'hang'; readonly at: 'head' | 'first' | 'middle' }
    /** The answer ends after so many pieces, in order (`end`) or not. A document is cut in the middle. */
    | { readonly act: 'cut'; readonly after: number; readonly how: 'end' | 'reset' }
    /** A 200 with an error in it: in the document, or as an event after so many pieces. */
    | { readonly act: 'fail_inside'; readonly error: ErrorName; readonly after: number }
    /** A 200 that cannot be read. wrong_type: a stream for a document or the reverse; events: a stream whatever was asked. */
    | { readonly act: 'garble'; readonly what: 'html' | 'not_json' | 'empty' | 'wrong_type' | 'events' }
  )

export type ClientScript = {
  readonly at: number
  readonly endpoint: EndpointName
  readonly stream?: true
  readonly model: string
  /** Members of the body that are for the gateway; only where the body is JSON. */
  readonly controls?: JsonObject
  readonly headers?: Readonly<Record<string, string>>
  /** Goes after so many milliseconds, or when it has got so far. Default: stays. */
  readonly leaves?: { readonly after: number } | { readonly on: 'upload' | 'head' | 'content' }
  /** Takes so long for every piece that it is sent, and holds few of them. */
  readonly slow?: number
  /** Its response is kept nowhere, so that others may go on with it. */
  readonly unstored?: true
  /** Continues what this earlier client was answered, by its id, once that is there. */
  readonly follows?: number
}

/** same: equal content, read anew. broken: a file that is not accepted. */
export type Reload = { readonly at: number; readonly config: 'same' | 'broken' | JsonObject }

/** Every act of a scenario, for counting and for shrinking. */
export const actsOf = (scenario: Scenario): readonly Act[] =>
  Object.values(scenario.upstreams).flatMap(({ acts, outage }) => [
    ...acts,
    ...(outage === undefined ? [] : [outage.act]),
  ])
