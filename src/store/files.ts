import { accessSync, statSync } from 'node:fs'

/** True only when there is none: one that cannot be looked at is another matter. */
export const isMissing = (path: string): boolean => {
  try {
    accessSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** What tells a file from another one that has its name later. '' when there is none. */
export const markOf = (path: string): string => {
  try {
    const { ino, birthtimeMs } = statSync(path)
    return `${ino} ${birthtimeMs}`
  } catch {
    return ''
  }
}
