import type { LitellmSettings } from '../config.ts'
import type { Environment } from '../env.ts'
import type { Report } from '../report.ts'
import { checkShape, flag, seconds } from '../shapes.ts'
import type { MapNode } from '../tree.ts'
import { z } from '../zod.ts'
import { fromEnvironment } from './router.ts'

const LITELLM = z.object({
  request_timeout: seconds.optional(),
  drop_params: flag.optional(),
  expose_router_debug_in_errors: flag.optional(),
  return_response_headers: flag.optional(),
  sse_keepalive_ping_interval_seconds: seconds.optional(),
  turn_off_message_logging: flag.optional(),
})

export const readLitellm = (node: MapNode, environment: Environment, report: Report): LitellmSettings => {
  const own = checkShape(LITELLM, node, ['litellm_settings'], report) ?? {}
  return {
    // 0 sets no limit of its own here either, and some end every call has.
    requestTimeoutMs:
      own.request_timeout || fromEnvironment('REQUEST_TIMEOUT', environment, report) || 6_000_000,
    dropParams: own.drop_params ?? fromEnvironment('LITELLM_DROP_PARAMS', environment, report) ?? false,
    exposeRouterDebugInErrors: own.expose_router_debug_in_errors ?? true,
    // 0 is LiteLLM's other way to write none.
    ssePingMs: own.sse_keepalive_ping_interval_seconds || undefined,
    turnOffMessageLogging: own.turn_off_message_logging ?? false,
  }
}
