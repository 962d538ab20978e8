import type { ExceptionName, Failure, FailureClass } from '../failure.ts'
import { BROKEN_STREAM, NAMING_OF_STATUS, type Naming, namingOf, prefixed } from './classify-name.ts'
import { classifyResponse } from './classify-response.ts'
import type { FailureSignal, TimeoutSignal, UnreadableSignal } from './classify-signal.ts'
import type { TransportFault } from './transport.ts'

export type { FailureSignal, ProviderTag } from './classify-signal.ts'

type Nothing = Extract<FailureSignal, { readonly kind: 'nothing' }>

type Named = Pick<Failure, 'class' | 'status' | 'exception' | 'message'>

/** What most failures that the gateway itself sees have in common. */
const plain = (named: Named, more: Partial<Failure> = {}): Failure => ({
  type: named.status === 429 ? 'throttling_error' : null,
  param: null,
  code: null,
  retryAfterMs: undefined,
  detail: undefined,
  possiblyBilled: false,
  ...named,
  ...more,
})

const named = (failureClass: FailureClass, naming: Naming, message: string): Named => ({
  class: failureClass,
  status: naming.status,
  exception: naming.exception,
  message,
})

/** Python's spelling of seconds: 1 is `1.0`. */
const pythonSeconds = (ms: number, digits: number): string => {
  const seconds = Number((ms / 1_000).toFixed(digits))
  return Number.isInteger(seconds) ? seconds.toFixed(1) : String(seconds)
}

const timedOut = 'litellm.Timeout: APITimeoutError - Request timed out.'

/** LiteLLM's account of where a limit may have come from. */
const writtenLimits = ({ written }: TimeoutSignal): string =>
  written === undefined
    ? ''
    : `\n\nDeployment Info: request_timeout: ${written.requestTimeout ?? 'None'}\ntimeout: ${written.timeout ?? 'None'}`

const classifyTimeout = (signal: TimeoutSignal): Failure => {
  const { phase } = signal
  const spent = `timeout value=${pythonSeconds(signal.limitMs, 3)}, time taken=${pythonSeconds(signal.tookMs, 2)} seconds`
  return plain(
    {
      class: signal.byClient ? 'timeout_client' : `timeout_${phase}`,
      status: 408,
      exception: 'Timeout',
      message: `${timedOut} Error_str: Request timed out. - ${spent}${writtenLimits(signal)}`,
    },
    // Who was never reached has nothing to charge for.
    { possiblyBilled: phase !== 'connect' },
  )
}

const classifyTransport = (fault: TransportFault, tag: string, inStream: boolean): Failure => {
  // Only the gateway aborts, and only when nobody is listening any more.
  if (fault.kind === 'aborted') return clientGone()
  const more = { possiblyBilled: fault.sent && fault.kind !== 'connect_timeout' }
  if (fault.kind === 'connect_timeout' || fault.kind === 'headers_timeout') {
    const failureClass = fault.kind === 'headers_timeout' ? 'timeout_headers' : 'timeout_connect'
    return plain({ class: failureClass, status: 408, exception: 'Timeout', message: timedOut }, more)
  }
  const naming = inStream ? BROKEN_STREAM : namingOf('transport', 500)
  const broke = fault.code === '' ? fault.kind : `${fault.kind} (${fault.code})`
  return plain(named('transport', naming, prefixed(naming, tag, 'Connection error.')), {
    ...more,
    fault: broke,
  })
}

const unreadable: Readonly<Record<UnreadableSignal['what'], string>> = {
  not_json: 'The answer is not JSON.',
  html: 'The provider answered with a web page instead of an API answer.',
  empty: 'The answer is empty.',
  wrong_content_type: 'The answer has the wrong content type.',
  malformed_event: 'The provider sent an event that is not JSON.',
  cut: 'The provider closed the connection before the answer was complete.',
  oversize: 'The answer is larger than the gateway accepts.',
  over_limit: 'The answer is larger than general_settings.max_response_size_mb allows.',
  diverged: 'The new answer differs from what was delivered of the one that broke.',
}

/** What is wrong with an answer, by class: a cut is the connection's doing, another answer than before nobody's. */
const UNREADABLE_CLASS: Readonly<Partial<Record<UnreadableSignal['what'], FailureClass>>> = {
  cut: 'transport',
  diverged: 'unsupported',
}

const classifyUnreadable = ({ what, status, provider }: UnreadableSignal): Failure => {
  const broken = what === 'cut' || what === 'malformed_event'
  const naming = broken ? BROKEN_STREAM : namingOf('transient', status >= 400 ? status : 500)
  const failureClass = UNREADABLE_CLASS[what] ?? 'transient'
  const message = prefixed(naming, provider.exception, unreadable[what])
  return plain(named(failureClass, naming, message), { possiblyBilled: status < 400 && what !== 'html' })
}

const exceptionOf = (status: number): ExceptionName => NAMING_OF_STATUS[status]?.exception ?? 'APIError'

/** Router texts that LiteLLM raises without a class name before them. */
const bare = /^(?:No deployments available|Not allowed to access)/

const classifyNothing = ({ choice }: Nothing): Failure => {
  const tooLong = choice.reason === 'context_window'
  const exception = tooLong ? 'ContextWindowExceededError' : exceptionOf(choice.status)
  const message = bare.test(choice.message) ? choice.message : `litellm.${exception}: ${choice.message}`
  return plain(
    { class: tooLong ? 'context_window' : 'no_deployment', status: choice.status, exception, message },
    {
      retryAfterMs: choice.retryAfterMs,
      ...(tooLong ? { type: 'invalid_request_error', code: 'context_length_exceeded' } : {}),
    },
  )
}

/** No client ever sees it: whoever answered first is what it hears. */
const outrun = (sent: boolean): Failure =>
  plain(
    {
      class: 'outrun',
      status: 499,
      exception: 'APIError',
      message: 'litellm.APIError: Another attempt at the same request answered first.',
    },
    { possiblyBilled: sent },
  )

const clientGone = (): Failure =>
  plain({
    class: 'client_gone',
    status: 499,
    exception: 'APIError',
    message: 'litellm.APIError: The client closed the connection.',
  })

const shutdown = (): Failure =>
  plain(
    {
      class: 'shutdown',
      status: 503,
      exception: 'ServiceUnavailableError',
      message: 'The gateway is shutting down before this answer was complete. Send the request again.',
    },
    { type: 'server_shutting_down', retryAfterMs: 1_000 },
  )

const gatewayBug = (): Failure =>
  plain(
    { class: 'gateway_bug', status: 500, exception: 'InternalServerError', message: 'Internal server error' },
    { type: 'internal_server_error' },
  )

const decide = (signal: FailureSignal): Failure => {
  switch (signal.kind) {
    case 'response':
      return classifyResponse(signal)
    case 'transport':
      return classifyTransport(signal.fault, signal.provider.exception, signal.inStream === true)
    case 'timeout':
      return classifyTimeout(signal)
    case 'unreadable':
      return classifyUnreadable(signal)
    case 'unsupported': {
      const exception = 'UnsupportedParamsError'
      const message = `litellm.${exception}: ${signal.provider.exception} - ${signal.message}`
      return plain(
        { class: 'unsupported', status: 400, exception, message },
        { param: signal.param, code: signal.code ?? null },
      )
    }
    case 'missing_credential': {
      const naming = namingOf('credential', 401)
      return plain(named('credential', naming, prefixed(naming, signal.provider.exception, signal.message)))
    }
    case 'nothing':
      return classifyNothing(signal)
    case 'bug':
      return gatewayBug()
    case 'outrun':
      return outrun(signal.sent)
    case 'client_gone':
      return clientGone()
    case 'shutdown':
      return shutdown()
  }
}

/**
 * Names a failure. Total: whatever an upstream sent, the result is a Failure and nothing is thrown.
 * The class decides what happens next (failure.ts VERDICTS); status, exception and message are LiteLLM's.
 */
export const classify = (signal: FailureSignal): Failure => {
  try {
    return decide(signal)
  } catch {
    // An error we cannot even read is ours; it must not bench the deployment.
    return gatewayBug()
  }
}
