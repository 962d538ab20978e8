import { SHAPES } from '../dialects/index.ts'
import type { Circumstance, ErrorBody, ToldError } from '../dialects/shape.ts'
import type { ShapeName } from '../routes.ts'

/** An error in the dialect of the endpoint that was asked: its status, its document and what its clients read of both. */
export const toldOn = (shape: ShapeName, error: ErrorBody, of: Circumstance): ToldError =>
  SHAPES[shape].tell?.(error, of) ?? { status: of.status, document: { error } }

/** general_settings.include_call_id_in_error_body. */
export const withCallId = (error: ErrorBody, callId: string, wanted: boolean): ErrorBody =>
  wanted ? { ...error, litellm_call_id: callId } : error
