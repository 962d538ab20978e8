import { resolve } from 'node:path'

/**
 * Adds the names of `.env` in the working directory to the environment, as LiteLLM does unless LITELLM_MODE is
 * PRODUCTION. What the process was started with wins. Returns the file's path when there was one; throws an Error
 * with a sentence when it is there and cannot be read.
 */
export const loadEnvFile = (): string | undefined => {
  if (process.env.LITELLM_MODE?.toUpperCase() === 'PRODUCTION') return undefined
  const path = resolve('.env')
  try {
    process.loadEnvFile(path)
    return path
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Error(
      `${path} cannot be read (${message}): mend it, or set LITELLM_MODE=PRODUCTION to do without.`,
    )
  }
}
