import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEdits, byteLengthOf, type Edit, joinSegments, parsePath, printPath } from './edit.ts'
import { indexObject } from './index.ts'
import type { Json } from './json.ts'

const set = (path: string, value: Json): Edit => ({ op: 'set', path: path.split('/'), value, why: 'model' })
const drop = (path: string): Edit => ({ op: 'drop', path: path.split('/'), why: 'drop-params' })

const edited = (text: string, ...edits: Edit[]): string => {
  const segments = applyEdits(indexObject(Buffer.from(text)), edits)
  const whole = joinSegments(segments)
  assert.equal(byteLengthOf(segments), whole.length)
  return Buffer.from(whole).toString()
}

test('the model is replaced and every other byte stays the client’s', () => {
  const text = ' { "model" : "group",\n\t"seed":12345678901234567890, "top_p": 1.0,"x":"\\u00e9é" } \n'
  assert.equal(edited(text, set('model', 'gpt-4o')), text.replace('"group"', '"gpt-4o"'))
})

test('untouched bytes are the client’s own memory, not a copy', () => {
  const bytes = Buffer.from('{"messages":["long"],"model":"a","user":"u"}')
  const segments = applyEdits(indexObject(bytes), [set('model', 'b'), drop('none')])
  assert.equal(segments.length, 3)
  for (const segment of [segments[0], segments[2]]) assert.equal(segment?.buffer, bytes.buffer)
})

test('without an edit that changes something the answer is the bytes themselves', () => {
  const bytes = Buffer.from('{"a":{"b":1},"c":[1]}')
  const index = indexObject(bytes)
  const nothing: Edit[][] = [
    [],
    [drop('x')],
    [drop('a/x'), drop('c/1'), drop('c/x'), drop('a/b/c')],
    [set('x/y', 1), set('c/1', 1), set('a/b/c', 1)],
  ]
  for (const edits of nothing) {
    const segments = applyEdits(index, edits)
    assert.equal(segments.length, 1)
    assert.equal(segments[0], bytes)
    assert.equal(joinSegments(segments), bytes)
  }
})

test('a missing key is appended as the last member', () => {
  assert.equal(edited('{}', set('k', 1)), '{"k":1}')
  assert.equal(edited('{"a":1}', set('k', 'v')), '{"a":1,"k":"v"}')
  assert.equal(edited('{\n  "a": 1\n}\n', set('k', [])), '{\n  "a": 1,"k":[]\n}\n')
  assert.equal(edited('{}', set('k"\n', 1)), '{"k\\"\\n":1}')
  assert.equal(edited('{"a":{}}', set('a/b', null)), '{"a":{"b":null}}')
})

test('a dropped member takes exactly one comma with it', () => {
  const text = '{"a":1,"b":2,"c":3}'
  assert.equal(edited(text, drop('a')), '{"b":2,"c":3}')
  assert.equal(edited(text, drop('b')), '{"a":1,"c":3}')
  assert.equal(edited(text, drop('c')), '{"a":1,"b":2}')
  assert.equal(edited(text, drop('a'), drop('c')), '{"b":2}')
  assert.equal(edited(text, drop('c'), drop('b'), drop('a')), '{}')
  assert.equal(edited('{\n  "a": 1,\n  "b": 2\n}', drop('b')), '{\n  "a": 1\n}')
  assert.equal(edited('{\n  "a": 1,\n  "b": 2\n}', drop('a')), '{\n  "b": 2\n}')
  assert.equal(edited('{ "a": 1 }', drop('a')), '{ }')
})

test('later edits see what earlier ones made', () => {
  const text = '{"a":1,"b":{"c":[1,{"d":2}]}}'
  assert.equal(edited(text, set('a', 2), set('a', 3)), '{"a":3,"b":{"c":[1,{"d":2}]}}')
  assert.equal(edited(text, drop('a'), set('a', 3)), '{"b":{"c":[1,{"d":2}]},"a":3}')
  assert.equal(
    edited(text, set('x', { y: [1, 2] }), set('x/y/0', 9), drop('x/y/1'), drop('a')),
    '{"b":{"c":[1,{"d":2}]},"x":{"y":[9]}}',
  )
  assert.equal(edited(text, set('b', {}), drop('b/c'), set('b/z', 1)), '{"a":1,"b":{"z":1}}')
  assert.equal(edited(text, set('k', 1), drop('k')), text)
})

test('a path goes into objects, one array element, or all of them', () => {
  const text = '{"tools":[ {"type":"f","x":1.0}, 7 ,{"x":[]}],"a":[{"b":1},{"b":2}]}'
  assert.equal(edited(text, drop('tools/*/x')), '{"tools":[ {"type":"f"}, 7 ,{}],"a":[{"b":1},{"b":2}]}')
  assert.equal(edited(text, set('a/1/b', 'z')), text.replace('2}', '"z"}'))
  assert.equal(edited(text, drop('a/0')), text.replace('{"b":1},', ''))
  assert.equal(edited(text, drop('a/*')), text.replace('[{"b":1},{"b":2}]', '[]'))
  assert.equal(
    edited(text, set('a/*', 0), set('a/*', { c: 1 }), set('a/0/c', 2)),
    text.replace('{"b":1},{"b":2}', '{"c":2},{"c":1}'),
  )
  assert.equal(edited('{"a":{"*":1,"0":2}}', drop('a/*')), '{"a":{"0":2}}')
  assert.equal(edited('{"a":[1]}', drop('a/00'), drop('a/-1'), drop('a/1')), '{"a":[1]}')
})

test('an edit in every element of a long array costs time in proportion to the array', () => {
  const items = Array.from({ length: 16_000 }, () => ({ text: 'x'.repeat(500), more: 1 }))
  const text = JSON.stringify({ items })
  const started = performance.now()
  assert.equal(edited(text, drop('items/*/more')), text.replaceAll(',"more":1', ''))
  // Takes some 100 ms; an element that is searched to the end of the document makes it 70 GB of reading.
  assert(performance.now() - started < 4000)
})

test('every occurrence of a repeated nested key is meant', () => {
  assert.equal(edited('{"a":{"k":1,"z":0,"\\u006b":2}}', drop('a/k')), '{"a":{"z":0}}')
  assert.equal(edited('{"a":{"k":1,"k":2}}', set('a/k', 3)), '{"a":{"k":3,"k":3}}')
})

test('__proto__ in a path or a body reaches no prototype', () => {
  assert.equal(edited('{"__proto__":{"a":1}}', set('__proto__/a', 2)), '{"__proto__":{"a":2}}')
  assert.equal(edited('{}', set('__proto__', { polluted: true })), '{"__proto__":{"polluted":true}}')
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})

test('an edit without a path is a mistake in the gateway', () => {
  assert.throws(
    () => applyEdits(indexObject(Buffer.from('{}')), [{ op: 'drop', path: [], why: 'model' }]),
    /model/,
  )
})

test('an element goes to the end of a list, and the list keeps its spelling', () => {
  const append = (path: string, value: Json): Edit => ({
    op: 'append',
    path: path.split('/'),
    value,
    why: 'continuation',
  })
  assert.equal(edited('{"m":[ 1.0 ,\n 2 ]}', append('m', { a: 1 })), '{"m":[ 1.0 ,\n 2,{"a":1} ]}')
  assert.equal(edited('{"m":[ ]}', append('m', 1)), '{"m":[1 ]}')
  assert.equal(edited('{"m":[]}', append('m', 1), append('m', 2)), '{"m":[1,2]}')
  assert.equal(edited('{"m":{"a":[0]}}', append('m/a', 1)), '{"m":{"a":[0,1]}}')
  for (const text of ['{"m":{}}', '{"m":"x"}', '{}']) assert.equal(edited(text, append('m', 1)), text)
})

test('paths are read as additional_drop_params writes them', () => {
  const cases: readonly [string, readonly string[]][] = [
    ['user', ['user']],
    ['a.b', ['a', 'b']],
    ['tools[*].input_examples', ['tools', '*', 'input_examples']],
    ['a[0].b', ['a', '0', 'b']],
    ['a[0][*]', ['a', '0', '*']],
    ['no-log', ['no-log']],
    ['$é x', ['$é x']],
  ]
  for (const [text, path] of cases) assert.deepEqual(parsePath(text), path)
  for (const text of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '[0]',
    'a[',
    'a[]',
    'a[x]',
    'a[-1]',
    'a[01]',
    'a]b',
    'a[0]b',
    'a.[0]',
  ]) {
    assert.throws(() => parsePath(text), Error, text)
  }
})

/** The same edits on values: the specification, with nothing of the bytes in it. */
const onValues = (target: unknown, edit: Edit, depth = 0): void => {
  if (typeof target !== 'object' || target === null) return
  const tree = target as Record<string, unknown>
  const key = edit.path[depth] ?? ''
  const keys = Array.isArray(target)
    ? target.map((_, at) => String(at)).filter(at => key === '*' || key === at)
    : Object.hasOwn(tree, key)
      ? [key]
      : []
  if (depth < edit.path.length - 1) {
    for (const each of keys) onValues(tree[each], edit, depth + 1)
  } else if (edit.op === 'append') {
    for (const each of keys) {
      const list = tree[each]
      if (Array.isArray(list)) list.push(structuredClone(edit.value))
    }
  } else if (edit.op === 'set') {
    const made = keys.length === 0 && !Array.isArray(target) ? [key] : keys
    for (const each of made) tree[each] = structuredClone(edit.value)
  } else if (Array.isArray(target)) {
    for (const each of keys.toReversed()) target.splice(Number(each), 1)
  } else for (const each of keys) delete tree[each]
}

const name = fc.constantFrom('a', 'b', 'c', '0', '1', '*')
const space = fc.constantFrom('', '', ' ', '\n  ', '\t')
const scalar = fc.constantFrom(
  '1',
  '1.0',
  '12345678901234567890',
  '"é\\n"',
  '"}],"',
  'null',
  'true',
  '-0.0e+1',
)

/** Documents as text, with white space and spellings that JSON.stringify would never write. */
const document = fc.letrec<{ value: string; object: string; array: string }>(tie => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, scalar, tie('object'), tie('array')),
  object: fc
    .tuple(
      fc.uniqueArray(fc.tuple(name, tie('value'), space, space), { selector: ([key]) => key, maxLength: 4 }),
      space,
    )
    .map(([members, inner]) => {
      const texts = members.map(
        ([key, value, before, after]) => `${before}"${key}"${after}:${before}${value}${after}`,
      )
      return texts.length === 0 ? `{${inner}}` : `{${texts.join(',')}}`
    }),
  array: fc
    .tuple(fc.array(fc.tuple(tie('value'), space), { maxLength: 4 }), space)
    .map(([items, inner]) =>
      items.length === 0
        ? `[${inner}]`
        : `[${items.map(([value, around]) => around + value + around).join(',')}]`,
    ),
})).object

const edit: fc.Arbitrary<Edit> = fc
  .tuple(
    fc.array(name, { minLength: 1, maxLength: 4 }),
    fc.option(fc.jsonValue({ maxDepth: 2 })),
    fc.constantFrom('set', 'append', 'drop'),
  )
  .map(([path, value, op]) =>
    op === 'drop'
      ? { op, path, why: 'drop-params' }
      : { op, path, value: value as Json, why: op === 'set' ? 'model' : 'continuation' },
  )

test('property: edits on bytes mean what the same edits mean on values, one after the other', () => {
  fc.assert(
    fc.property(document, fc.array(edit, { maxLength: 5 }), (text, edits) => {
      const values: unknown = JSON.parse(text)
      for (const each of edits) onValues(values, each)
      // Through JSON once more, because a value cannot bring a negative zero but a document can.
      const plain = (json: string): unknown => JSON.parse(JSON.stringify(JSON.parse(json)))
      assert.deepEqual(plain(edited(text, ...edits)), plain(JSON.stringify(values)))
    }),
    { numRuns: 2000 },
  )
})

test('property: what no edit names keeps its bytes and its order', () => {
  fc.assert(
    fc.property(document, fc.array(edit, { maxLength: 4 }), (text, edits) => {
      const before = indexObject(Buffer.from(text))
      const after = indexObject(joinSegments(applyEdits(before, edits)))
      const touched = new Set(edits.map(({ path }) => path[0]))
      const rest = (index: typeof before) =>
        [...index.members.values()]
          .filter(({ key }) => !touched.has(key))
          .map(({ key, start, end }) => [key, Buffer.from(index.bytes).toString('utf8', start, end)])
      assert.deepEqual(rest(after), rest(before))
    }),
    { numRuns: 1000 },
  )
})

test('property: edits all at once equal the same edits one document after the other, byte for byte', () => {
  fc.assert(
    fc.property(document, fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
      let step = text
      for (const each of edits) step = edited(step, each)
      assert.equal(edited(text, ...edits), step)
    }),
    { numRuns: 1000 },
  )
})

test('edits that led nowhere are told apart', () => {
  const index = indexObject(Buffer.from('{"a":[{"b":1}],"c":"d"}'))
  const there = [drop('a/*/b'), set('c', 1)]
  const nowhere = [drop('a/*/x'), drop('e'), set('e/f', 1), set('c/g', 1)]
  const idle: Edit[] = []
  applyEdits(index, [...nowhere.slice(0, 2), ...there, ...nowhere.slice(2)], idle)
  assert.deepEqual(idle, nowhere)
})

test('a path prints as it is read', () => {
  for (const text of ['user', 'metadata.team', 'tools[*].input_examples', 'a[0].b'])
    assert.equal(printPath(parsePath(text)), text)
})
