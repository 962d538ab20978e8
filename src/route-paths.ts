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

/** A method of Google's API, under its own two versions and LiteLLM's short path. */
export const googlePaths = (verb: string): readonly string[] =>
  ['/v1beta/models/', '/v1/models/', '/models/'].map(root => `${root}:model:${verb}`)
