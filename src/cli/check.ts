import type { Notice } from '../config/config.ts'
import { renderPlan } from '../config/effective.ts'
import { type LoadOptions, loadConfig } from '../config/load.ts'
import { renderNotices } from '../config/render.ts'

export type CheckOptions = Omit<LoadOptions, 'path'> & {
  readonly write: (text: string) => void
  readonly color?: boolean
}

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

const summary = (notices: readonly Notice[], models: number | undefined): string => {
  const count = (level: Notice['level']): number => notices.filter(notice => notice.level === level).length
  const errors = count('error')
  if (models === undefined)
    return `Not accepted: ${plural(errors, 'error')}, ${plural(count('warning'), 'warning')}.\n`
  const rest = `${plural(count('warning'), 'warning')}, ${count('differs')} different, ${count('later')} later`
  return `Config OK: ${plural(models, 'deployment')}; ${rest}.\n`
}

/** `understudy check`: prints the load report and the effective plan. Resolves to the exit code: 1 on any error. */
export const check = async (path: string, options: CheckOptions): Promise<number> => {
  const { write, color = false, ...load } = options
  const { config, notices } = await loadConfig({ ...load, path })
  const report = renderNotices(notices, { color })
  if (report !== '') write(`${report}\n`)
  if (config) write(`${renderPlan(config)}\n`)
  write(summary(notices, config?.deployments.length))
  return config ? 0 : 1
}
