/** The paths under which clients of each kind ask for the same call: the canonical one first. */

export const both = (path: string): readonly string[] => [`/v1${path}`, path]
/** The last form is the Azure client's: its dated paths have no deployment for these routes. */
export const responsesPaths = (path: string): readonly string[] => [
  ...both(path),
  `/openai/v1${path}`,
  `/openai${path}`,
]
/** Paths of the Azure client, which writes the model into them. */
export const deploymentPaths = (path: string): readonly string[] => [
  ...both(path),
  `/openai/deployments/:model${path}`,
]
export const modelPaths = (path: string): readonly string[] => [
  ...deploymentPaths(path),
  `/engines/:model${path}`,
]

/** Versions of Google's API under which nothing of another one stands. */
export const GOOGLE_VERSIONS = ['/v1beta', '/v1alpha'] as const

/** A method of Google's API, under its own versions and LiteLLM's short path. */
export const googlePaths = (verb: string): readonly string[] =>
  [...GOOGLE_VERSIONS, '/v1', ''].map(root => `${root}/models/:model:${verb}`)
