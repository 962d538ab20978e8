import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { indexObject, indexValue, JsonFault } from './index.ts'
import { type Scan, skipValue, startScan } from './scan.ts'
import { reachInto, skipFast } from './skip.ts'
import { skipBytesText } from './skip-make.ts'

const MAX_DEPTH = 200

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A scan that reads every byte in scan.ts. */
const slowScan = (bytes: Uint8Array, maxDepth: number): Scan => ({
  ...startScan(bytes, maxDepth, 0),
  reach: undefined,
})

/** The end that scan.ts finds; undefined when it refuses. */
const slowEnd = (bytes: Uint8Array, maxDepth = MAX_DEPTH): number | undefined => {
  try {
    return skipValue(slowScan(bytes, maxDepth), 0, 0)
  } catch (fault) {
    assert(fault instanceof JsonFault)
    return undefined
  }
}

type Shown = { readonly capacity?: number; readonly levels?: number }

const fastEnd = (bytes: Uint8Array, { capacity, levels = MAX_DEPTH }: Shown = {}): number | undefined => {
  const reach = reachInto(bytes, capacity) ?? assert.fail('the module runs on the machine of the tests')
  return skipFast(reach, 0, levels)
}

const show = (bytes: Uint8Array): string => JSON.stringify(Buffer.from(bytes).toString('latin1'))

/** Both halves agree when the module sees the document whole. */
const assertSame = (bytes: Uint8Array): void => {
  if (fastEnd(bytes) !== slowEnd(bytes))
    assert.fail(`${show(bytes)}: fast ${fastEnd(bytes)}, slow ${slowEnd(bytes)}`)
}

/** The longest token that a window has to hold whole, and the byte behind it that ends it. */
const longestAtom = (bytes: Uint8Array): number => {
  const atoms =
    Buffer.from(bytes)
      .toString('latin1')
      .match(/[-+.\w]+/g) ?? []
  return Math.max(6, ...atoms.map(atom => atom.length)) + 1
}

/** Whatever the window's size: the same end, or none when a token does not fit. */
const assertSplit = (bytes: Uint8Array, capacity: number): void => {
  const slow = slowEnd(bytes)
  const fast = fastEnd(bytes, { capacity })
  if (fast === slow) return
  assert.equal(fast, undefined, `${show(bytes)} in windows of ${capacity}`)
  assert(capacity < longestAtom(bytes), `${show(bytes)} is given up in windows of ${capacity}`)
}

const SAMPLES = [
  '""',
  '[]',
  '{}',
  '"abcdefghijklmnopqrstuvwxyz"',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"',
  '"\\u6f22\\u5b57\\n\\n\\u304b\\"\\\\\\\\"',
  '[0,-0,1.5e10,-2E+3,9e-1,12345678901234567890]',
  '[true,false,null,[true],[[],{}]]',
  '{"a":1,"":{"b":[{}, {"c":"d"}]},"\\u0061":null}',
  ' \t\r\n'.repeat(9).concat('x').replace(/^/, '[1,').replace('x', '2]'),
  '{ "a" : [ 1 , "x" , { } , [ ] ] , "b" : "漢字 é 😀" }',
].map(bytesOf)

test('skip-bytes.ts is skip.wat, compiled', async () => {
  const committed = await readFile(new URL('skip-bytes.ts', import.meta.url), 'utf8')
  assert.equal(committed, await skipBytesText(), 'renew it with: npm run wasm')
})

test('every sample ends where scan.ts says, in windows of every size', () => {
  for (const bytes of SAMPLES) {
    assert.equal(slowEnd(bytes), bytes.length, show(bytes))
    assertSame(bytes)
    for (let capacity = 1; capacity <= bytes.length + 1; capacity++) assertSplit(bytes, capacity)
  }
})

test('every truncation of every sample is refused, in windows of every size', () => {
  for (const bytes of SAMPLES)
    for (let length = 1; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      assert.equal(fastEnd(cut), undefined, show(cut))
      for (let capacity = 1; capacity <= length; capacity += 3)
        assert.equal(fastEnd(cut, { capacity }), undefined, show(cut))
    }
})

test('every byte at every place of every sample, instead of what is there and in front of it', () => {
  for (const bytes of SAMPLES)
    for (let at = 1; at < bytes.length; at++)
      for (let byte = 0; byte < 256; byte++) {
        assertSame(Uint8Array.from([...bytes.subarray(0, at), byte, ...bytes.subarray(at + 1)]))
        if (byte % 3 === at % 3)
          assertSame(Uint8Array.from([...bytes.subarray(0, at), byte, ...bytes.subarray(at)]))
      }
})

test('every pair of bytes inside a string', () => {
  const bytes = bytesOf('["..",1]')
  for (let first = 0; first < 256; first++)
    for (let second = 0; second < 256; second++) {
      bytes[2] = first
      bytes[3] = second
      assertSame(bytes)
    }
})

test('what ends or escapes is found at every place of the sixteen bytes, and across their border', () => {
  const pieces = [
    '"',
    '\\n',
    '\\"',
    '\\\\',
    '\\u00e9',
    '\\u00e9\\u00e9',
    '\\n\\n',
    '\\x',
    '\\u00g9',
    '\t',
    '\x1f',
  ]
  for (let before = 0; before < 50; before++)
    for (const piece of pieces)
      for (let after = 0; after < 20; after++) {
        const text = `["${'x'.repeat(before)}${piece}${'y'.repeat(after)}",0]`
        assertSame(bytesOf(text))
        if (after % 5 === 0) for (const capacity of [7, 16, 17, 31, 48]) assertSplit(bytesOf(text), capacity)
      }
})

test('numbers and words follow the grammar, and what follows them counts', () => {
  const numbers = [
    '0',
    '-0',
    '10',
    '1.50',
    '1e5',
    '1E+05',
    '1e-400',
    '-0.0e0',
    '01',
    '-',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
  ]
  const others = [
    '0x1',
    'NaN',
    '1_0',
    '--1',
    '1-',
    '1.e1',
    '1.5.5',
    '1e5e5',
    'tru',
    'truE',
    'nul',
    'fals',
    'falsy',
  ]
  const words = ['true', 'false', 'null', 'trueX', 'nulll', 'falsee', 'true1', '1true']
  for (const token of [...numbers, ...others, ...words])
    for (const around of ['[.]', '[.,1]', '[1,.]', '[ . ]', '{"a":.}', '{"a":.,"b":0}', '[.', '{"a":.'])
      for (const capacity of [1, 2, 3, 5, 8, 100]) assertSplit(bytesOf(around.replace('.', token)), capacity)
})

test('brackets pair with their own kind only', () => {
  const brackets = ['[', ']', '{', '}', ',', ':', '"a"', '1']
  for (let code = 0; code < 8 ** 5; code++) {
    const text = Array.from({ length: 5 }, (_, at) => brackets[(code >> (3 * at)) & 7]).join('')
    if (/^["[{]/.test(text)) assertSame(bytesOf(text))
  }
})

test('nesting is allowed to the limit and not one level further, in every mixture of containers', () => {
  const nested = (kinds: string): Uint8Array => {
    const open = Array.from(kinds, kind => (kind === 'a' ? '[1,' : '{"k":')).join('')
    const close = Array.from(kinds, kind => (kind === 'a' ? ']' : '}')).toReversed()
    return bytesOf(`${open}0${close.join('')}`)
  }
  for (let code = 0; code < 256; code++) {
    const bytes = nested(Array.from({ length: 8 }, (_, at) => ((code >> at) & 1 ? 'a' : 'o')).join(''))
    assert.equal(fastEnd(bytes, { levels: 8 }), bytes.length)
    assert.equal(fastEnd(bytes, { levels: 7 }), undefined)
    assert.equal(slowEnd(bytes, 7), undefined)
  }
  for (const kinds of ['a'.repeat(200), 'o'.repeat(200), 'ao'.repeat(100)])
    for (const capacity of [13, 32_768]) {
      assert.equal(fastEnd(nested(kinds), { capacity }), nested(kinds).length)
      assert.equal(fastEnd(nested(`${kinds}a`), { capacity }), undefined)
    }
})

test('where no limit is set, scan.ts goes on where the module has no room for more levels', () => {
  const deep = bytesOf(`{"a":${'['.repeat(1500)}"${'x'.repeat(300)}"${']'.repeat(1500)}}`)
  const inside = indexValue(deep, { start: 0, end: deep.length })
  assert(inside?.kind === 'object')
  assert.deepEqual(inside.members[0]?.end, deep.length - 1)
})

test('a number longer than a window is left to scan.ts, and the document is read all the same', () => {
  const text = `{"a":"${'x'.repeat(50_000)}","n":[${'7'.repeat(70_000)}],"z":["\\n",{"b":1}]}`
  const index = indexObject(bytesOf(text))
  assert.deepEqual([...index.members.keys()], ['a', 'n', 'z'])
  const n = index.members.get('n')
  assert.equal(n === undefined ? 0 : n.end - n.start, 70_002)
  assert.equal(index.members.get('z')?.end, text.length - 1)
})

const structured = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom('\\'.repeat(33), '\n\n"\\"', 'é'.repeat(20)),
    ),
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.constantFrom(true, false, null),
    ),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 20 }), tie('value'), { maxKeys: 6 }),
  ),
})).value

/** JSON text of a container, spaced in one of the ways writers have, letters beyond ASCII escaped or not. */
const documents = fc
  .tuple(fc.oneof(fc.array(structured), fc.dictionary(fc.string(), structured)), fc.nat(3), fc.boolean())
  .map(([value, indent, ascii]) => {
    const text = JSON.stringify(value, null, indent)
    const escaped = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
    return bytesOf(ascii ? text.replace(/[^\0-\x7e]/g, escaped) : text.toWellFormed())
  })

test('property: documents end where scan.ts says, however they are cut into windows', () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 64, max: 40_000 }))
  fc.assert(
    fc.property(documents, sizes, (bytes, capacity) => {
      assert.equal(slowEnd(bytes), bytes.length)
      assert.equal(fastEnd(bytes), bytes.length)
      assertSplit(bytes, capacity)
    }),
    { numRuns: 1000 },
  )
})

test('property: damaged and cut documents are refused by both or by neither, with the same end', () => {
  const damage = fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 3 }))
  const marks = fc.constantFrom(...Array.from('"\\{}[],:0-.eEut \n\0', mark => bytesOf(mark)))
  const damages = fc.array(fc.oneof(damage, fc.tuple(fc.nat(), fc.nat(2), marks)), {
    minLength: 1,
    maxLength: 3,
  })
  fc.assert(
    fc.property(documents, damages, fc.option(fc.nat()), (whole, list, cut) => {
      let bytes = whole
      for (const [at, removed, added] of list) {
        const from = 1 + (at % bytes.length)
        bytes = Uint8Array.from([...bytes.subarray(0, from), ...added, ...bytes.subarray(from + removed)])
      }
      if (cut !== null) bytes = bytes.subarray(0, 1 + (cut % bytes.length))
      assertSame(bytes)
      assertSplit(bytes, 1 + ((list[0]?.[0] ?? 0) % 80))
    }),
    { numRuns: 1500 },
  )
})

test('property: a fault in a long document has the reason, the place and the words of scan.ts', () => {
  const faultOf = (bytes: Uint8Array, slow: boolean): JsonFault | undefined => {
    try {
      if (slow) skipValue(slowScan(bytes, MAX_DEPTH), 0, 0)
      else indexObject(bytes)
    } catch (fault) {
      assert(fault instanceof JsonFault)
      return fault
    }
    return undefined
  }
  const wounds = fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...Array.from('"\\{}[],:0-.eu \n\0x'), ''))
  const pads = fc.integer({ min: 200, max: 40_000 }).map(length => 'lorem "ipsum"\n'.repeat(length / 14))
  fc.assert(
    fc.property(documents, wounds, pads, ([...bytes], [at, removed, added], pad) => {
      const text = Buffer.from(bytes).toString('utf8')
      const from = 1 + (at % text.length)
      const broken = text.slice(0, from) + added + text.slice(from + removed)
      for (const long of [
        `{"pad":${JSON.stringify(pad)},"x":${broken}}`,
        `{"x":${broken},"pad":${JSON.stringify(pad)}}`,
      ]) {
        const expected = faultOf(bytesOf(long), true)
        const fault = faultOf(bytesOf(long), false)
        // A broken document may come apart into members of the top level, where a name may stand once.
        if (fault?.reason === 'duplicate-key') return
        // What follows the value is no matter of the value.
        if (expected === undefined && fault?.message.includes('nothing after the object') === true) return
        assert.deepEqual(
          [fault?.reason, fault?.offset, fault?.message],
          [expected?.reason, expected?.offset, expected?.message],
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('two readings that take turns do not see each other', () => {
  const text = (letter: string): string => `["${letter.repeat(100)}",["${letter.repeat(5)}"],{"${letter}":1}]`
  const bytes = [bytesOf(text('a')), bytesOf(text('b').replace('"b":1', '"b":x'))]
  const reaches = bytes.map(one => reachInto(one, 64) ?? assert.fail())
  const at = (reach: number, from: number): number | undefined =>
    skipFast(reaches[reach] ?? assert.fail(), from, 9)
  assert.equal(at(0, 1), 103)
  assert.equal(at(1, 1), 103)
  assert.equal(at(0, 104), 113)
  assert.equal(at(1, 104), 113)
  assert.equal(at(0, 114), 121)
  assert.equal(at(1, 114), undefined)
  assert.equal(at(0, 104), 113)
})

test('the memory is one page, whatever was read', () => {
  const bytes = bytesOf(`["${'x'.repeat(3_000_000)}"]`)
  assert.equal(fastEnd(bytes), bytes.length)
  assert.equal(reachInto(bytes)?.module.memory.byteLength, 65_536)
})

test('without WebAssembly the same documents are read', async () => {
  const { WebAssembly: api } = globalThis as { WebAssembly?: unknown }
  const specifier = './skip.ts?without'
  try {
    Object.assign(globalThis, { WebAssembly: undefined })
    const without: { reachInto: typeof reachInto } = await import(specifier)
    assert.equal(without.reachInto(bytesOf('[]')), undefined)
  } finally {
    Object.assign(globalThis, { WebAssembly: api })
  }
})
