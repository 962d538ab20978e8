import type { GeneralSettings } from '../config.ts'
import type { Environment } from '../env.ts'
import { didYouMean, type Report } from '../report.ts'
import { checkShape, count, flag, megabytes, seconds, text, texts } from '../shapes.ts'
import { child, entry, type MapNode } from '../tree.ts'
import { z } from '../zod.ts'
import { readCors } from './cors.ts'
import { permitsWeakKey, readMasterKey, readPreviousSaltKeys, readSaltKey } from './master-key.ts'
import type { Names } from './names.ts'
import { type OwnMethods, readPassThrough } from './pass-through.ts'

const MEGABYTE = 1024 * 1024

const GENERAL = z.object({
  dangerously_permit_weak_or_unset_master_key: flag.optional(),
  litellm_key_header_name: text
    .refine(value => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value), 'must be a header name')
    .optional(),
  completion_model: text.optional(),
  dangerously_allow_mock_testing_request_params: flag.optional(),
  disable_responses_id_security: flag.optional(),
  allow_unmanaged_response_ids: flag.optional(),
  include_call_id_in_error_body: flag.optional(),
  forward_client_headers_to_llm_api: flag.optional(),
  forward_openai_org_id: flag.optional(),
  always_include_stream_usage: flag.optional(),
  enforce_fallback_model_access: flag.optional(),
  max_request_size_mb: megabytes.optional(),
  max_response_size_mb: megabytes.optional(),
  store_max_size_mb: megabytes.optional(),
  max_in_flight_requests_per_worker: count.optional(),
  client_head_timeout_seconds: seconds.optional(),
  client_request_timeout_seconds: seconds.optional(),
  client_stall_timeout_seconds: seconds.optional(),
  pass_through_request_timeout: seconds.optional(),
  public_routes: texts.optional(),
  cors_allow_origins: texts.optional(),
  cors_allow_credentials: flag.optional(),
})

export type GeneralSources = {
  readonly node: MapNode
  readonly environment: Environment
  readonly names: Names
  readonly report: Report
  readonly ownMethods?: OwnMethods | undefined
}

export const readGeneral = ({
  node,
  environment,
  names,
  report,
  ownMethods,
}: GeneralSources): GeneralSettings => {
  const own = checkShape(GENERAL, node, ['general_settings'], report) ?? {}
  const permitWeakMasterKey = permitsWeakKey(own.dangerously_permit_weak_or_unset_master_key, environment)
  if (own.completion_model !== undefined && !names.serves(own.completion_model))
    report.error(
      'general_settings.completion_model',
      entry(node, 'completion_model')?.place,
      `nothing serves ${own.completion_model}.${didYouMean(own.completion_model, names.groups)}`,
    )
  return {
    masterKey: readMasterKey(node, environment, permitWeakMasterKey, report),
    saltKey: readSaltKey(environment),
    previousSaltKeys: readPreviousSaltKeys(environment),
    keyHeaderName: own.litellm_key_header_name?.toLowerCase(),
    completionModel: own.completion_model,
    allowMockTesting: own.dangerously_allow_mock_testing_request_params ?? false,
    disableResponsesIdSecurity: own.disable_responses_id_security ?? false,
    allowUnmanagedResponseIds: own.allow_unmanaged_response_ids ?? false,
    includeCallIdInErrorBody: own.include_call_id_in_error_body ?? false,
    forwardClientHeaders: own.forward_client_headers_to_llm_api ?? false,
    forwardOpenaiOrgId: own.forward_openai_org_id ?? false,
    alwaysIncludeStreamUsage: own.always_include_stream_usage ?? false,
    enforceFallbackModelAccess: own.enforce_fallback_model_access ?? true,
    maxRequestBytes: own.max_request_size_mb ?? 100 * MEGABYTE,
    maxResponseBytes: own.max_response_size_mb ?? 256 * MEGABYTE,
    storeMaxBytes: own.store_max_size_mb ?? 1024 * MEGABYTE,
    maxInFlight: own.max_in_flight_requests_per_worker,
    clientHeadMs: own.client_head_timeout_seconds ?? 30_000,
    clientRequestMs: own.client_request_timeout_seconds ?? 300_000,
    clientStallMs: own.client_stall_timeout_seconds ?? 60_000,
    passThroughTimeoutMs: own.pass_through_request_timeout ?? 600_000,
    passThroughEndpoints: readPassThrough(child(node, 'pass_through_endpoints'), report, ownMethods),
    publicRoutes: own.public_routes ?? [],
    cors: readCors(
      { origins: own.cors_allow_origins, credentials: own.cors_allow_credentials },
      { node, environment, report },
    ),
  }
}
