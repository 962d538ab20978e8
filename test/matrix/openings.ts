import type { Form, Row } from './rows.ts'
import type { Part, Script } from './script.ts'

/** Answers that are calls: what of their events is content is for the client's dialect to say. */

/** A call begins with its name, and its arguments follow: as each dialect writes the event that has only the name. */
const OPENINGS: readonly RegExp[] = [
  /"tool_calls":.*"arguments": ?""/,
  /"type": ?"response\.output_item\.added".*"type": ?"function_call"/,
  /"type": ?"content_block_start".*"type": ?"tool_use"/,
  /"start": ?\{ ?"toolUse"/,
]
/** The arguments may begin with a piece that holds none of them. */
const NOTHING = /"partial_json": ?""/

const says = ({ bytes }: Part, pattern: RegExp): boolean =>
  pattern.test(Buffer.from(bytes).toString('latin1'))

const opens = (part: Part): boolean => OPENINGS.some(opening => says(part, opening))

/** Of the dialects in which clients ask, that of Responses announces an item before it has content. */
const announces = ({ route }: Row): boolean => route.shape === 'responses'

/** The name of a call is content to whoever is told of it in an event that has content. */
export const withOpenings = (row: Row, script: Script): Script => {
  if (row.pair?.source.calls !== true) return script
  const parts = script.parts.map(part => {
    if (says(part, NOTHING)) return { ...part, content: false }
    return opens(part) ? { ...part, content: !announces(row) } : part
  })
  return { ...script, parts }
}

/** Gemini tells a call as a whole: its client has nothing of one whose arguments are still coming. */
export const holdsCall = (row: Row, form: Form, script: Script | undefined): boolean => {
  if (row.pair?.source.calls !== true || row.route.shape !== 'gemini' || form === 'gemini') return false
  const first = script?.parts.find(part => part.content || opens(part))
  return first !== undefined && opens(first)
}
