import { textOf } from './bytes.ts'
import { fingerprintOf } from './encrypted.ts'
import { indexValue, type JsonIndex, type Member, type Span } from './index.ts'
import { mayMention } from './mentions.ts'

/** An element of a top-level list of objects, as far as its kind and its bonds are concerned. */
export type Item = {
  readonly at: number
  readonly span: Span
  /** '' when it says none. */
  readonly type: string
  readonly role: string
  /** '' when it has none. */
  readonly id: string
  /** What ties it to whoever made it; undefined: everybody can read it as it stands. */
  readonly bond: Bond | undefined
}

export type Bond = {
  /** By which its maker is remembered. */
  readonly key: string
  /** It has `encrypted_content`; without it, it is kept at its maker's under its id. */
  readonly sealed: boolean
  /** This gateway wrote the seal, around another provider's or around a summary, or made the item that is named. */
  readonly ours: boolean
}

/** What an object is remembered by that its maker keeps under this id. */
export const keptAs = (id: string): string => `item ${id.slice(0, 256)}`

/** What a seal of this gateway's own begins with: a version follows. */
const OURS = /^(?:understudy\.|gwc)/

/** Ids of items in answers that were made here, out of another dialect's: no provider keeps them. */
const MADE_HERE = /^[a-z]{1,8}_understudy_/

export const isMadeHere = (id: string): boolean => MADE_HERE.test(id)

const QUOTE = 0x22

/** The text of a string value; '' for anything else. */
const stringAt = (bytes: Uint8Array, { start, end }: Span): string => {
  if (bytes[start] !== QUOTE) return ''
  const text = textOf(bytes, start + 1, end - 1)
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** Kinds that mean something only where they are kept, unless they bring it along sealed. */
const KEPT: ReadonlySet<string> = new Set(['reasoning', 'item_reference'])

const bondOf = (ciphertext: string, type: string, id: string): Bond | undefined => {
  if (ciphertext !== '') return { key: fingerprintOf(ciphertext), sealed: true, ours: OURS.test(ciphertext) }
  return KEPT.has(type) && id !== '' ? { key: keptAs(id), sealed: false, ours: isMadeHere(id) } : undefined
}

const itemOf = (bytes: Uint8Array, span: Span, at: number): Item | undefined => {
  const inside = indexValue(bytes, span)
  if (inside?.kind !== 'object') return undefined
  // Of a key that is given twice the last one counts.
  const members = new Map<string, Member>(inside.members.map(member => [member.key, member]))
  const said = (key: string): string => {
    const member = members.get(key)
    return member === undefined ? '' : stringAt(bytes, member)
  }
  const type = said('type')
  const id = said('id')
  return {
    at,
    span,
    type,
    role: said('role'),
    id,
    bond: bondOf(said('encrypted_content'), type, id),
  }
}

/** The object at this place; undefined: none is there. */
export const itemAt = (bytes: Uint8Array, span: Span): Item | undefined => itemOf(bytes, span, 0)

/** The objects in the list under a top-level key, in their order; none when there is no list. */
export const itemsIn = (index: JsonIndex, key: string): readonly Item[] => {
  const member = index.members.get(key)
  const inside = member === undefined ? undefined : indexValue(index.bytes, member)
  if (inside?.kind !== 'array') return []
  return inside.elements.map((span, at) => itemOf(index.bytes, span, at)).filter(item => item !== undefined)
}

const boundBefore = new WeakMap<JsonIndex, readonly Item[]>()
const NONE: readonly Item[] = []
const SIGNS = ['encrypted_content', ...KEPT]

/** The input items of a body that are tied to whoever made them; read once for each body. */
export const boundItems = (index: JsonIndex): readonly Item[] => {
  const input = index.members.get('input')
  if (input === undefined || !SIGNS.some(sign => mayMention(index.bytes, input, sign))) return NONE
  const known = boundBefore.get(index)
  if (known !== undefined) return known
  const found = itemsIn(index, 'input').filter(item => item.bond !== undefined)
  boundBefore.set(index, found)
  return found
}

const namedBefore = new WeakMap<JsonIndex, readonly Item[]>()

/** The input items of a body that have an id; read once for each body. */
export const namedItems = (index: JsonIndex): readonly Item[] => {
  const input = index.members.get('input')
  if (input === undefined || !mayMention(index.bytes, input, 'id')) return NONE
  const known = namedBefore.get(index)
  if (known !== undefined) return known
  const found = itemsIn(index, 'input').filter(item => item.id !== '')
  namedBefore.set(index, found)
  return found
}

/** The bytes of the value at a path of keys, as they are written; undefined when nothing is there, or '*' is in it. */
export const writtenAt = (index: JsonIndex, path: readonly string[]): string | undefined => {
  const [top = '', ...inner] = path
  let span: Span | undefined = index.members.get(top)
  for (const key of inner) {
    const inside = span === undefined ? undefined : indexValue(index.bytes, span)
    if (inside === undefined) return undefined
    span =
      inside.kind === 'object'
        ? inside.members.findLast(member => member.key === key)
        : /^\d+$/.test(key)
          ? inside.elements[Number(key)]
          : undefined
  }
  return span === undefined ? undefined : textOf(index.bytes, span.start, span.end)
}
