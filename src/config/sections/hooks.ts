import { didYouMean, join, type Report } from '../report.ts'
import { child, isUnset, type MapNode, type Node, text } from '../tree.ts'

/** LiteLLM's built-in callbacks, to tell a misspelt name from a known one. */
const CALLBACKS: ReadonlySet<string> = new Set(
  `agentops anthropic_cache_control_hook argilla arize arize_phoenix athina aws_sqs azure_sentinel azure_storage
  bitbucket braintrust cloudzero datadog datadog_llm_observability datadog_metrics deepeval dotprompt dynamic_rate_limiter
  dynamic_rate_limiter_v3 dynamodb focus galileo gcs_bucket gcs_pubsub generic_api gitlab helicone humanloop lago langfuse
  langfuse_otel langsmith langtrace literalai logfire lunary mlflow newrelic openmeter opik otel pagerduty posthog
  prometheus resend_email s3 s3_v2 sendgrid_email sentry slack smtp_email traceloop weave_otel webhook`.split(
    /\s+/,
  ),
)

const CALLBACK_KEYS = [
  'callbacks',
  'success_callback',
  'failure_callback',
  'service_callback',
  'audit_log_callbacks',
]

const isPython = (name: string): boolean => /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/.test(name)

const items = (node: Node | undefined): readonly Node[] =>
  node === undefined || isUnset(node) ? [] : node.kind === 'list' ? node.items : [node]

/** Callbacks given as `module.handler` are Python and cannot run; a name LiteLLM does not know is a typo. */
export const checkCallbacks = (litellm: MapNode, report: Report): void => {
  for (const key of CALLBACK_KEYS) {
    for (const [index, item] of items(child(litellm, key)).entries()) {
      const name = text(item)?.trim()
      const path = join('litellm_settings', key, index)
      if (name === undefined) report.error(path, item.place, 'must be the name of a callback')
      else if (isPython(name))
        report.error(
          path,
          item.place,
          `${name} is Python, which Understudy cannot run: remove it and read the request log instead`,
        )
      else if (!CALLBACKS.has(name))
        report.warning(path, item.place, `no callback is called ${name}.${didYouMean(name, CALLBACKS)}`)
    }
  }
}

/** A guardrail given as a class path is Python too; the other kinds are reported as later with the section. */
export const checkGuardrails = (root: MapNode, report: Report): void => {
  for (const [index, item] of items(child(root, 'guardrails')).entries()) {
    const kind = child(child(item, 'litellm_params'), 'guardrail')
    const name = text(kind)?.trim()
    if (kind && name !== undefined && isPython(name))
      report.error(
        join('guardrails', index, 'litellm_params', 'guardrail'),
        kind.place,
        `${name} is a Python class, which Understudy cannot run: put the check behind HTTP (generic_guardrail_api)`,
      )
  }
}
