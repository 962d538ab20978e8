import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, loadText, loadWorld } from './load.fixture.ts'
import { makeReport } from './report.ts'
import { plain } from './tree.ts'
import { parseYaml } from './yaml.ts'

const parse = (source: string) => {
  const report = makeReport()
  const node = parseYaml(source, 'c.yaml', report)
  return { value: node && plain(node), lines: lines(report.notices()) }
}
/** Null-prototype records as ordinary objects, for comparing. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('a syntax error has its line and column and never quotes the file', () => {
  const cases: readonly (readonly [source: string, place: string])[] = [
    ['a: 1\nb:\n\t- sk-secret\n', 'c.yaml:3:1'],
    ['a: "sk-secret\nb: 2\n', 'c.yaml:'],
    ['a: [sk-secret, 2\nb: 3\n', 'c.yaml:'],
    ['a: sk-secret: 2\n', 'c.yaml:1:4'],
    ['a: @sk-secret\n', 'c.yaml:1:4'],
    ['a: 1\n---\nb: 2\n', 'c.yaml:2:1'],
    ['a: *sk-secret\n', 'c.yaml:1:4'],
    ['a: 1\n b: sk-secret\n', 'c.yaml:1:4'],
    ['? [a, b]\n: sk-secret\n', 'c.yaml:1:3'],
    ['', 'c.yaml:1:1'],
    ['# only a comment\n', 'c.yaml:1:1'],
    ['a: &x [*x]\n', 'c.yaml:1:8'],
    ['<<: [1]\n', 'c.yaml:1:6'],
  ]
  for (const [source, place] of cases) {
    const { value, lines: said } = parse(source)
    assert.equal(value, undefined, source)
    assert.match(said[0] ?? '', /^error/, source)
    assert.ok(said[0]?.includes(place), `${JSON.stringify(source)} → ${said[0]}`)
    assert.ok(!said.join().includes('sk-secret'), said.join())
  }
})

test('M-142 a duplicate key is an error at the second one', () => {
  const { value, lines: said } = parse('a:\n  b: 1\n  c: 2\n  b: 3\n')
  assert.equal(value, undefined)
  assert.deepEqual(said, ['error | c.yaml:4:3 | b | b is written twice (first on line 2): keep one of them'])
})

test('M-142 line ends, byte order mark and anchors do not change the meaning', () => {
  const plainSource = 'base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nagain: *b\n'
  const expected = { base: { x: 1, y: 2 }, use: { x: 1, y: 3 }, again: { x: 1, y: 2 } }
  for (const source of [plainSource, plainSource.replaceAll('\n', '\r\n'), `\uFEFF${plainSource}`])
    assert.deepEqual(json(parse(source).value), expected)
})

test('in a list of merged maps the earlier one wins, and what is written wins over all', () => {
  const source = 'a: &a {x: 1, y: 1}\nb: &b {x: 2, y: 2, z: 2}\nc: {<<: [*a, *b], y: 9}\n'
  assert.deepEqual(json(parse(source).value), {
    a: { x: 1, y: 1 },
    b: { x: 2, y: 2, z: 2 },
    c: { x: 1, y: 9, z: 2 },
  })
})

test('plain scalars mean what PyYAML reads, quoted ones are text', () => {
  const source = 'a: yes\nb: Off\nc: "yes"\nd: 1_000\ne: 2024-02-01\nf: ~\ng: 1e3\nh: .inf\n1: one\n'
  const expected = {
    a: true,
    b: false,
    c: 'yes',
    d: 1000,
    e: '2024-02-01',
    f: null,
    g: 1000,
    h: 'Infinity',
    1: 'one',
  }
  assert.deepEqual(json(parse(source).value), expected)
})

test('an alias bomb is refused, not expanded', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const below = level === 0 ? 'x' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array(10).fill(below).join(', ')}]`
  })
  const { value, lines: said } = parse(`${levels.join('\n')}\n`)
  assert.equal(value, undefined)
  assert.match(said[0] ?? '', /more than 200000 values/)
})

test('nesting has a limit', () => {
  const { value, lines: said } = parse(`a: ${'['.repeat(80)}${']'.repeat(80)}\n`)
  assert.equal(value, undefined)
  assert.match(said[0] ?? '', /deeper than 64/)
})

test('a key called __proto__ is a key like any other', () => {
  const { value } = parse('__proto__: {polluted: true}\na: 1\n')
  assert.deepEqual(Object.keys(value ?? {}), ['__proto__', 'a'])
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})

test('a file that is a list, a word or not there is an error, not a crash', async () => {
  for (const source of ['- a\n', 'word\n', '\0', '{'])
    assert.equal((await loadText(source)).config, undefined, JSON.stringify(source))
  const missing = await loadWorld({ files: {} })
  assert.deepEqual(lines(missing.notices), ['error | - |  | cannot read config.yaml: there is no such file'])
  assert.deepEqual(missing.files, ['/etc/understudy/config.yaml'])
})
