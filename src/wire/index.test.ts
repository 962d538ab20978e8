import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { has, indexObject, indexValue, JsonFault, kindOf, stringOf, valueAt } from './index.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const faultOf = (bytes: Uint8Array, limits?: { maxDepth: number }): JsonFault => {
  try {
    indexObject(bytes, limits)
  } catch (fault) {
    assert(fault instanceof JsonFault)
    return fault
  }
  return assert.fail('the document was accepted')
}

const accepts = (text: string): boolean => {
  try {
    indexObject(bytesOf(text))
    return true
  } catch (fault) {
    assert(fault instanceof JsonFault)
    return false
  }
}

const parses = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

test('every member is found with the offsets of its key and value', () => {
  const text = ' {"model" : "gpt","n":1.0 ,\n"stop":[ "a" ]}\n'
  const index = indexObject(bytesOf(text))
  assert.deepEqual([...index.members.keys()], ['model', 'n', 'stop'])
  const cut = [...index.members.values()].map(({ keyStart, start, end }) => [
    text.slice(keyStart, start),
    text.slice(start, end),
  ])
  assert.deepEqual(cut, [
    ['"model" : ', '"gpt"'],
    ['"n":', '1.0'],
    ['"stop":', '[ "a" ]'],
  ])
  assert.equal(text.slice(index.start, index.end), text.trim())
})

test('values are read by key, decoded from UTF-8 and escapes', () => {
  const index = indexObject(
    bytesOf('{"a":"é\\u00e9😀","b":[1,{"c":null}],"d":-0.5e1,"e":true,"f":null,"g":{}}'),
  )
  assert.equal(stringOf(index, 'a'), 'éé😀')
  assert.deepEqual(valueAt(index, 'b'), [1, { c: null }])
  assert.equal(valueAt(index, 'd'), -5)
  assert.equal(stringOf(index, 'd'), undefined)
  assert.equal(valueAt(index, 'missing'), undefined)
  assert.equal(has(index, 'e'), true)
  assert.equal(has(index, 'toString'), false)
  assert.deepEqual(
    ['a', 'b', 'd', 'e', 'f', 'g', 'missing'].map(key => kindOf(index, key)),
    ['string', 'array', 'number', 'boolean', 'null', 'object', undefined],
  )
})

test('a key spelled with escapes is the key it decodes to', () => {
  assert.equal(stringOf(indexObject(bytesOf('{"mod\\u0065l":"x"}')), 'model'), 'x')
})

test('__proto__ and constructor are keys like any other', () => {
  const index = indexObject(bytesOf('{"__proto__":{"admin":true},"constructor":1}'))
  assert.deepEqual([...index.members.keys()], ['__proto__', 'constructor'])
  assert.deepEqual(valueAt(index, '__proto__'), { admin: true })
  assert.equal(({} as { admin?: boolean }).admin, undefined)
})

test('a top-level key given twice is refused, also when one spelling is escaped', () => {
  for (const text of ['{"model":1,"model":2}', '{"model":1,"a":{},"\\u006dodel":2}', '{"":1,"":1}']) {
    const fault = faultOf(bytesOf(text))
    assert.equal(fault.reason, 'duplicate-key')
    assert.equal(fault.offset, text.lastIndexOf(',') + 1)
    assert.equal(fault.key, text.includes('model') ? 'model' : '')
  }
  assert(accepts('{"a":{"b":1,"b":2},"b":[{"a":1},{"a":2}]}'))
})

test('each fault has its reason, its offset and a sentence', () => {
  const cases: readonly [string, string, number][] = [
    ['', 'empty', 0],
    [' \n\t', 'empty', 3],
    ['[1]', 'not-an-object', 0],
    [' "x"', 'not-an-object', 1],
    ['-1', 'not-an-object', 0],
    ['null', 'not-an-object', 0],
    ['model=x', 'syntax', 0],
    ['{"a":1} x', 'syntax', 8],
    ['{"a" 1}', 'syntax', 5],
    ['{"a":1,}', 'syntax', 7],
    ['{"a":01}', 'syntax', 6],
    ['{"a":tru', 'syntax', 8],
    ['{"a":"x', 'syntax', 7],
    ['{"a":"\t"}', 'syntax', 6],
    ['{"a":"\\x"}', 'syntax', 7],
    ['{"a":"\\u00g0"}', 'syntax', 10],
    ['{a:1}', 'syntax', 1],
  ]
  for (const [text, reason, offset] of cases) {
    const fault = faultOf(bytesOf(text))
    assert.deepEqual([fault.reason, fault.offset], [reason, offset], text)
    assert.match(fault.message, /^The body .*\.$/)
  }
})

test('nesting is limited, and the limit itself is allowed', () => {
  const nested = (depth: number): Uint8Array =>
    bytesOf(`{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`)
  indexObject(nested(200))
  assert.equal(faultOf(nested(201)).reason, 'depth')
  assert.equal(faultOf(nested(3), { maxDepth: 2 }).reason, 'depth')
  assert.equal(faultOf(bytesOf(`{"a":${'[{"a":'.repeat(100_000)}`)).reason, 'depth')
})

test('malformed UTF-8 is refused at the byte where it starts, a byte order mark too', () => {
  const long = bytesOf(`{"a":"${'é😀x'.repeat(5000)}`)
  for (const broken of [
    [0xc3],
    [0xff],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0x80, 0x80, 0x80, 0x80, 0x80],
  ]) {
    const fault = faultOf(Uint8Array.from([...long, ...broken, 0x22, 0x7d]))
    assert.deepEqual([fault.reason, fault.offset], ['utf-8', long.length])
  }
  assert.equal(faultOf(Uint8Array.of(0xc3)).offset, 0)
  assert.equal(faultOf(bytesOf('\ufeff{}')).reason, 'utf-8')
})

test('a fault quotes no content of the body', () => {
  assert.doesNotMatch(faultOf(bytesOf('{"secret-prompt": secret-value}')).message, /secret/)
})

test('long strings end where they end: quotes, escapes and control characters far from the start', () => {
  for (const length of [46, 47, 48, 49, 50, 63, 64, 65, 1000]) {
    const plain = 'x'.repeat(length)
    const text = `{"a":"${plain}\\"${plain}\\\\","b":"${plain}é","c":["${plain}"]}`
    const index = indexObject(bytesOf(text))
    assert.equal(stringOf(index, 'a'), `${plain}"${plain}\\`)
    assert.equal(stringOf(index, 'b'), `${plain}é`)
    assert.deepEqual(valueAt(index, 'c'), [plain])
    for (const control of ['\0', '\n', '\x1f']) {
      assert.equal(faultOf(bytesOf(`{"a":"${plain}${control}${plain}"}`)).offset, 6 + length)
    }
    assert(accepts(`{\n"a":\n"${plain}",\n"b": "${plain}\x7f${plain}"\n}\n`))
  }
})

test('bytes that start in the middle of their memory are read the same way', () => {
  const text = `{"a":"${'y'.repeat(300)}","b":"${'z'.repeat(300)}"}`
  for (let shift = 0; shift < 8; shift++) {
    const memory = new Uint8Array(shift + text.length + 8).fill(1)
    memory.set(bytesOf(text), shift)
    const index = indexObject(memory.subarray(shift, shift + text.length))
    assert.equal(stringOf(index, 'b'), 'z'.repeat(300))
  }
})

test('the inside of a nested value is indexed in place, repeated keys included', () => {
  const text = '{"a":{"x":1,"x":[2]},"b":[1, {"y":2} ,[]],"c":1}'
  const index = indexObject(bytesOf(text))
  const inside = (key: string) => indexValue(index.bytes, index.members.get(key) ?? index)
  const a = inside('a')
  assert(a?.kind === 'object')
  assert.deepEqual(
    a.members.map(member => text.slice(member.start, member.end)),
    ['1', '[2]'],
  )
  const b = inside('b')
  assert(b?.kind === 'array')
  assert.deepEqual(
    b.elements.map(({ start, end }) => text.slice(start, end)),
    ['1', '{"y":2}', '[]'],
  )
  assert.equal(inside('c'), undefined)
})

const spacedJson = fc.tuple(fc.jsonValue(), fc.constantFrom('', ' ', '\t', '\n')).map(
  ([value, space]) =>
    // Only between tokens: a string that holds the separator keeps it, for the reference parser reads the same text.
    `{"k":${JSON.stringify(value, null, space)}}`,
)

test('property: the members of any object are those JSON.parse finds, value by value', () => {
  const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
  fc.assert(
    fc.property(object, fc.constantFrom('', '  ', '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const index = indexObject(bytesOf(text))
      const parsed = JSON.parse(text) as Record<string, unknown>
      assert.deepEqual(new Set(index.members.keys()), new Set(Object.keys(parsed)))
      for (const key of Object.keys(parsed)) assert.deepEqual(valueAt(index, key), parsed[key])
    }),
  )
})

test('property: a damaged document is accepted exactly when JSON.parse accepts it', () => {
  const pieces = [
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '0',
    '1',
    '-',
    '+',
    '.',
    'e',
    'E',
    'u',
    't',
    'null',
  ]
  const damage = fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom('', ' ', '\n', '\0', '\u2028', 'é', ...pieces))
  fc.assert(
    fc.property(spacedJson, fc.array(damage, { maxLength: 3 }), (text, damages) => {
      let broken = text
      for (const [at, removed, added] of damages) {
        // The key stays whole, so that no damage makes a second "k": repeated keys differ from JSON.parse by design.
        const from = 5 + (at % Math.max(1, broken.length - 4))
        broken = broken.slice(0, from) + added + broken.slice(from + removed)
      }
      if (/"k".*"k"/s.test(broken)) return
      assert.equal(accepts(broken), parses(broken), JSON.stringify(broken))
    }),
    { numRuns: 2000 },
  )
})

test('numbers follow the grammar of JSON and not that of JavaScript', () => {
  const numbers = ['0', '-0', '10', '1.50', '1e5', '1E+05', '1e-400', '12345678901234567890', '-0.0e0']
  const others = [
    '01',
    '-',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
    '0x1',
    'NaN',
    'Infinity',
    '-Infinity',
    '1_0',
    '--1',
    '1-',
  ]
  for (const text of numbers) assert.equal(accepts(`{"n":${text}}`), true, text)
  for (const text of others) assert.equal(accepts(`{"n":${text}}`), false, text)
})
