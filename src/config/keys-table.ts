import type { KeyRow } from './keys/row.ts'
import { KEYS, type SectionName } from './keys.ts'

const BEGIN = '<!-- keys: written by src/config/keys-table.ts -->'
const END = '<!-- end of keys -->'

const TITLES: Readonly<Record<SectionName, string>> = {
  'top level': 'Top level',
  litellm_settings: '`litellm_settings`',
  router_settings: '`router_settings`',
  general_settings: '`general_settings`',
  litellm_params: '`model_list[].litellm_params`',
  model_info: '`model_list[].model_info`',
  environment: 'Environment variables',
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
const initial = ({ initial: value }: KeyRow): string =>
  value === undefined ? '' : `\`${JSON.stringify(value)}\``

const table = (section: SectionName): string =>
  [
    `### ${TITLES[section]}`,
    '',
    '| key | default in LiteLLM | status | |',
    '|---|---|---|---|',
    ...KEYS[section].map(
      row => `| \`${row.key}\` | ${cell(initial(row))} | ${row.status} | ${cell(row.text)} |`,
    ),
  ].join('\n')

/** The key tables as Markdown, from the same rows that the load report uses. */
export const renderKeyTables = (): string => (Object.keys(TITLES) as SectionName[]).map(table).join('\n\n')

/** The page with its tables renewed. Throws when the marks are missing. */
export const renewPage = (page: string): string => {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page needs the marks ${BEGIN} and ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${renderKeyTables()}\n\n${page.slice(end)}`
}

if (import.meta.main) {
  const { readFile, writeFile } = await import('node:fs/promises')
  const page = new URL('../../docs/configuration.md', import.meta.url)
  await writeFile(page, renewPage(await readFile(page, 'utf8')))
}
