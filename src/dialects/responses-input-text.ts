/**
 * The text in `{"input": "…"}`, while it comes: a tool that takes plain text is, for other dialects, a function with
 * one text. Pieces may end anywhere, inside an escape too.
 */

const HEAD = /^\s*\{\s*"input"\s*:\s*"/
/** A backslash that more has to come for, or none. */
const UNFINISHED = /^\\(?:u[0-9a-fA-F]{0,3})?$/

export class InputText {
  #raw = ''
  /** Where the text begins in `raw`; -1 while that cannot be told. */
  #at = -1
  #over = false
  #said = false

  /** What of the text has become known. */
  push(piece: string): string {
    this.#raw += piece
    if (this.#at === -1) {
      const head = HEAD.exec(this.#raw)
      if (head === null) return ''
      this.#at = head[0].length
    }
    return this.#over ? '' : this.#take()
  }

  /** What is left when the arguments are whole: all of them, when they are no such object. */
  end(whole: (args: string) => string): string {
    return this.#said || this.#at !== -1 ? '' : whole(this.#raw)
  }

  #take(): string {
    let end = this.#at
    for (;;) {
      const next = this.#raw.slice(end).search(/["\\]/)
      if (next === -1) {
        end = this.#raw.length
        break
      }
      end += next
      if (this.#raw[end] === '"') {
        this.#over = true
        break
      }
      if (UNFINISHED.test(this.#raw.slice(end, end + 6))) break
      end += this.#raw[end + 1] === 'u' ? 6 : 2
    }
    const text = decoded(this.#raw.slice(this.#at, end))
    this.#at = end
    this.#said = true
    return text
  }
}

const decoded = (escaped: string): string => {
  try {
    // Line breaks and the like are not allowed inside a JSON text, and are written by models all the same.
    const sound = escaped.replace(/\p{Cc}/gu, byte => JSON.stringify(byte).slice(1, -1))
    return JSON.parse(`"${sound}"`) as string
  } catch {
    return escaped
  }
}
