import type { Notice } from './config.ts'

const ORDER: readonly Notice['level'][] = ['error', 'warning', 'differs', 'later']
const HEADINGS: Readonly<Record<Notice['level'], string>> = {
  error: 'Must be mended before the file is accepted',
  warning: 'Probably not what was meant',
  differs: 'Different from LiteLLM on purpose',
  later: 'Read, but without effect in this version',
}
const COLORS: Readonly<Record<Notice['level'], number>> = { error: 31, warning: 33, differs: 36, later: 90 }

export type RenderOptions = { readonly color: boolean }

const paint = (text: string, code: number, { color }: RenderOptions): string =>
  color ? `\u001b[${code}m${text}\u001b[0m` : text

/** A terminal must not be steered by what a file holds. */
const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const place = ({ place: at }: Notice): string => (at ? `${at.file}:${at.line}:${at.column}` : '-')

/** A column is as wide as its widest cell, up to this; longer cells push their own line. */
const WIDEST = 56

const width = (cells: readonly string[]): number =>
  Math.max(0, ...cells.map(cell => cell.length).filter(length => length <= WIDEST))

const byPlace = (left: Notice, right: Notice): number => {
  if (!left.place || !right.place) return Number(left.place !== undefined) - Number(right.place !== undefined)
  const sameFile = left.place.file === right.place.file
  return sameFile ? left.place.line - right.place.line || left.place.column - right.place.column : 0
}

/** The load report for people: grouped by level, worst first, one aligned `file:line:col  level  key  text` a line. */
export const renderNotices = (notices: readonly Notice[], options: RenderOptions): string => {
  const places = width(notices.map(notice => printable(place(notice))))
  const keys = width(notices.map(notice => printable(notice.key)))
  const groups = ORDER.map(level => ({
    level,
    members: notices.filter(notice => notice.level === level).sort(byPlace),
  })).filter(({ members }) => members.length > 0)
  const blocks = groups.map(({ level, members }) => {
    const lines = members.map(notice =>
      [
        printable(place(notice)).padEnd(places),
        paint(level.padEnd(7), COLORS[level], options),
        printable(notice.key).padEnd(keys),
        printable(notice.text),
      ]
        .join('  ')
        .trimEnd(),
    )
    return [paint(HEADINGS[level], 1, options), ...lines].join('\n')
  })
  return blocks.length === 0 ? '' : `${blocks.join('\n\n')}\n`
}
