import { readCohere } from './cohere-answer.ts'
import { writeCohere } from './cohere-request.ts'
import { cohereDecoder } from './cohere-stream.ts'
import type { Upstream } from './neutral.ts'

/** Cohere's own chat, version 2 of its API. Facts are those of its published description, cohere-openapi.yaml. */
export const cohereUpstream: Upstream = {
  dialect: 'cohere',
  write: writeCohere,
  answer: readCohere,
  decoder: cohereDecoder,
  // Its guide to errors: "tool names can only contain certain characters (A-Za-z0-9_) and can't begin with a digit".
  toolNames: { accepts: /^[A-Za-z_][A-Za-z0-9_]*$/, length: 256 },
}
