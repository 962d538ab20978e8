/** Nothing that JSON writes as an escape: no control character, quote or backslash, and no half of a pair. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))

/**
 * One JSON object, field by field, as JSON.stringify would write it: undefined is left out. A line of the log is made for
 * every request, and the fields that it may have are known: writing them down takes half of the time that it takes to
 * build the object and look through it. Names are letters.
 */
export class JsonFields {
  #text = ''

  text(name: string, value: string | undefined): this {
    return value === undefined ? this : this.written(name, quoted(value))
  }
  number(name: string, value: number | undefined): this {
    if (value === undefined) return this
    return this.written(name, Number.isFinite(value) ? String(value) : 'null')
  }
  flag(name: string, value: boolean | undefined): this {
    return value === undefined ? this : this.written(name, value ? 'true' : 'false')
  }
  /** Anything else that JSON can write. */
  json(name: string, value: object | undefined): this {
    return value === undefined ? this : this.written(name, JSON.stringify(value))
  }
  /** A value that is JSON already. */
  written(name: string, json: string): this {
    this.#text += `${this.#text === '' ? '{' : ','}"${name}":${json}`
    return this
  }
  end(): string {
    return this.#text === '' ? '{}' : `${this.#text}}`
  }
}
