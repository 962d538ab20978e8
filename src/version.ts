import { createRequire } from 'node:module'

/** The package's version, for headers, the user agent and --version. */
export const VERSION: string = (createRequire(import.meta.url)('../package.json') as { version: string })
  .version
