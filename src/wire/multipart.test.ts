import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinSegments } from './edit.ts'
import {
  dropFields,
  editMultipart,
  fieldOf,
  indexMultipart,
  MultipartFault,
  replaceField,
} from './multipart.ts'

const TYPE = 'multipart/form-data; boundary=XX'

const form = (...parts: readonly (readonly [disposition: string, content: string])[]): Buffer =>
  Buffer.from(
    `${parts.map(([disposition, content]) => `--XX\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`).join('')}--XX--\r\n`,
  )

const UPLOAD = Buffer.concat([
  Buffer.from(
    '--XX\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n',
  ),
  Buffer.from([0, 0xff, 0x0d, 0x0a, 0x2d, 0x2d, 0x58, 0x0a, 0x0d]),
  Buffer.from('\r\n--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--XX--\r\n'),
])

const refused = (bytes: string | Buffer, pattern: RegExp, type = TYPE): void => {
  assert.throws(
    () => indexMultipart(Buffer.from(bytes), type),
    (fault: unknown) => fault instanceof MultipartFault && pattern.test(fault.message),
    String(bytes).slice(0, 200),
  )
}

test('parts are found by name, file name, type and offsets, binary content included', () => {
  const { boundary, start, parts } = indexMultipart(UPLOAD, TYPE)
  assert.deepEqual([boundary, start], ['XX', 0])
  assert.deepEqual(
    parts.map(({ name, filename, contentType }) => [name, filename, contentType]),
    [
      ['file', 'a.mp3', 'audio/mpeg'],
      ['model', undefined, undefined],
    ],
  )
  assert.equal(UPLOAD.subarray(parts[0]?.start, parts[0]?.end).toString('hex'), '00ff0d0a2d2d580a0d')
})

test('a field is read as UTF-8, a file of the same name is not a field', () => {
  const bytes = form(['name="prompt"; filename="x"', 'file'], ['name="prompt"', 'né😀'], ['name="empty"', ''])
  const index = indexMultipart(bytes, TYPE)
  assert.equal(fieldOf(index, bytes, 'prompt'), 'né😀')
  assert.equal(fieldOf(index, bytes, 'empty'), '')
  assert.equal(fieldOf(index, bytes, 'none'), undefined)
})

test('what the platform’s own FormData writes is read', async () => {
  const data = new FormData()
  data.append('a"b\nc', '1')
  data.append('file', new Blob(['x\r\n--y']), 'q"uo te\\.txt')
  const request = new Response(data)
  const type = request.headers.get('content-type') ?? ''
  const bytes = new Uint8Array(await request.arrayBuffer())
  const index = indexMultipart(bytes, type)
  assert.deepEqual(
    index.parts.map(({ name, filename }) => [name, filename]),
    [
      ['a"b\r\nc', undefined],
      ['file', 'q"uo te\\.txt'],
    ],
  )
  const edited = joinSegments(editMultipart(bytes, index, { set: { 'm"\n': 'v' }, drop: ['a"b\r\nc'] }))
  const back = await new Response(Buffer.from(edited), { headers: { 'content-type': type } }).formData()
  assert.deepEqual([...back.keys()], ['m"\n', 'file'])
})

test('names are unescaped in the backslash and in the percent style', () => {
  const names = [
    ['name="a\\"b"', 'a"b'],
    ['name="a%22b"', 'a"b'],
    ['name="a\\\\b"', 'a\\b'],
    ['name="a;b=c"', 'a;b=c'],
    ['name=token', 'token'],
    ['NAME="x" ; other=1', 'x'],
    ['name=""', ''],
  ] as const
  for (const [disposition, name] of names) {
    assert.equal(indexMultipart(form([disposition, '']), TYPE).parts[0]?.name, name)
  }
  const filenames = [
    ['filename="C:\\dir\\f.txt"', 'C:\\dir\\f.txt'],
    ['filename="../../../etc/x"', '../../../etc/x'],
    ["filename*=UTF-8''%e2%82%ac.txt", '€.txt'],
    ["filename*=UTF-8''%zz", "UTF-8''%zz"],
  ] as const
  for (const [disposition, filename] of filenames) {
    assert.equal(indexMultipart(form([`name="f"; ${disposition}`, '']), TYPE).parts[0]?.filename, filename)
  }
})

test('preamble, padding behind a boundary, epilogue and a quoted boundary are legal', () => {
  const text =
    'hello\r\n--a b:c \t\r\nContent-Disposition: form-data; name="n"\r\n\r\nv\r\n--a b:c-- \r\nbye\r\n--a b:c\r\n'
  const index = indexMultipart(Buffer.from(text), 'Multipart/Form-Data; charset=utf-8; Boundary="a b:c"')
  assert.deepEqual([index.start, index.parts.length], [7, 1])
  assert.equal(indexMultipart(Buffer.from('--XX--'), TYPE).parts.length, 0)
})

test('a form without a usable boundary is refused', () => {
  refused('', /must be multipart/, 'application/json')
  refused('', /must be multipart/, 'multipart/form-database; boundary=x')
  refused('', /names no boundary/, 'multipart/form-data')
  refused('', /names no boundary/, 'multipart/form-data; boundary=""')
  refused('', /names no boundary/, 'multipart/form-data; boundary=a; boundary=b')
  refused('', /70/, `multipart/form-data; boundary=${'-'.repeat(71)}`)
  refused('', /characters/, 'multipart/form-data; boundary="a\tb"')
  refused('', /characters/, 'multipart/form-data; boundary="a "')
  refused('', /does not contain/)
  refused('--YY\r\n', /does not contain/)
})

test('a form that ends early is refused', () => {
  const whole = form(['name="a"', 'x']).toString().trimEnd()
  for (let end = 0; end < whole.length; end++) refused(whole.slice(0, end), /ends|does not contain/)
})

test('a form that two parsers may read differently is refused', () => {
  const head = 'Content-Disposition: form-data; name="a"\r\n'
  refused(`--XX\r\n${head}\r\nv\r\n--XXY\r\n--XX--`, /also occurs/)
  refused(`--XX\r\n${head}\r\nv\r\n--XX--Y\r\n--XX--`, /also occurs/)
  refused(`--XX\r\n${head}\r\nv\n--XX--`, /also occurs/)
  refused(`--XX\r\n${head}\r\n--XX\r\n${head}\r\nv\r\n--XX--`, /also occurs/)
  refused(`--XX\r\n${head}--XX: y\r\n\r\nv\r\n--XX--`, /also occurs/)
  refused(`--XX\r\n${head}${head}\r\nv\r\n--XX--`, /cannot be read/)
  refused(`--XX\r\n${head} folded\r\n\r\nv\r\n--XX--`, /cannot be read/)
  refused(`--XX\r\n${head}Content-Transfer-Encoding: base64\r\n\r\nv\r\n--XX--`, /transfer-encoding/)
  refused(form(['name="a"; name="b"', '']), /no name/)
  refused(form(['name="model"', 'cheap'], ['name="model"', 'dear']), /'model' twice/)
  refused(form(['name="model"; filename="m"', 'x']), /plain field/)
})

test('a part without a name is refused', () => {
  refused(form(['filename="x"', '']), /Part 1 .* no name/)
  refused(form(['name="a"', ''], ['name="unended', '']), /Part 2 .* no name/)
  refused('--XX\r\nContent-Disposition: attachment; name="a"\r\n\r\n\r\n--XX--', /no name/)
  refused('--XX\r\nContent-Type: text/plain\r\n\r\n\r\n--XX--', /no name/)
  refused('--XX\r\n\r\nbare\r\n\r\n\r\n--XX--', /cannot be read/)
})

test('M-164 the number of parts and the size of part headers are limited', () => {
  const many = (count: number) => form(...Array.from({ length: count }, () => ['name="a[]"', 'x'] as const))
  assert.equal(indexMultipart(many(1000), TYPE).parts.length, 1000)
  refused(many(1001), /more than 1000 parts/)
  refused(form([`name="${'x'.repeat(17_000)}"`, '']), /16384 bytes of headers/)
  assert.throws(() => indexMultipart(many(2), TYPE, { maxParts: 1, maxHeaderBytes: 100 }), MultipartFault)
})

test('M-164 long runs of dashes and line breaks cost time in proportion to their size', () => {
  const boundary = '-'.repeat(70)
  const started = performance.now()
  for (const unit of ['-', '\n', '\r\n', '\n-', `\n${'-'.repeat(71)}`, `${'-'.repeat(69)}\n`]) {
    const dull = unit.repeat((4 << 20) / unit.length)
    const text = `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nx${dull}\r\n--${boundary}--`
    assert.equal(
      indexMultipart(Buffer.from(text), `multipart/form-data; boundary=${boundary}`).parts.length,
      1,
    )
  }
  assert(performance.now() - started < 3000)
})

test('only the content of a set field changes; the file stays the client’s own memory', () => {
  const index = indexMultipart(UPLOAD, TYPE)
  const segments = replaceField(UPLOAD, index, 'model', 'gpt-4o-transcribe')
  const expected = UPLOAD.toString('latin1').replace('whisper', 'gpt-4o-transcribe')
  assert.equal(Buffer.from(joinSegments(segments)).toString('latin1'), expected)
  assert.equal(segments[0]?.buffer, UPLOAD.buffer)
})

test('a missing field comes first, behind the preamble', () => {
  const part = '--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
  for (const [before, after] of [
    ['', '--XX--'],
    ['', form(['name="a"', '1']).toString()],
    ['preamble\r\n', '--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--XX--\r\nepilogue'],
  ] as const) {
    const bytes = Buffer.from(before + after)
    const edited = joinSegments(replaceField(bytes, indexMultipart(bytes, TYPE), 'model', 'm'))
    assert.equal(Buffer.from(edited).toString(), before + part + after)
  }
})

test('dropped fields go with all their parts, and a set field remains once', () => {
  const bytes = form(['name="a"', '1'], ['name="b"', '2'], ['name="a"', '3'], ['name="a"; filename="f"', '4'])
  const index = indexMultipart(bytes, TYPE)
  const after = (segments: Uint8Array[]) => Buffer.from(joinSegments(segments)).toString()
  assert.equal(after(dropFields(bytes, index, ['a', 'none'])), form(['name="b"', '2']).toString())
  assert.equal(after(dropFields(bytes, index, ['a', 'b'])), form().toString())
  assert.equal(
    after(replaceField(bytes, index, 'a', 'x')),
    form(['name="a"', 'x'], ['name="b"', '2']).toString(),
  )
  assert.equal(
    after(editMultipart(bytes, index, { set: { b: '' }, drop: ['a', 'b'] })),
    form(['name="b"', '']).toString(),
  )
  assert.equal(dropFields(bytes, index, ['none'])[0], bytes)
})

test('a value that contains the boundary is refused', () => {
  const index = indexMultipart(UPLOAD, TYPE)
  for (const value of ['x\r\n--XX--', '--XX', 'a--XXb']) {
    assert.throws(() => replaceField(UPLOAD, index, 'model', value), MultipartFault)
    assert.throws(() => replaceField(UPLOAD, index, 'other', value), MultipartFault)
  }
  replaceField(UPLOAD, index, 'model', 'XX-large')
})

const content = fc.array(fc.constantFrom('\r', '\n', '\r\n', '-', '--', '--X', 'é', 'v', '\0'), {
  maxLength: 8,
})
const fields = fc.array(
  fc.tuple(
    fc.constantFrom('a', 'b', 'c"', 'd;'),
    content.map(parts => parts.join('')),
  ),
  {
    maxLength: 6,
  },
)

test('property: an edited form is the form that would have been written so', () => {
  const quoted = (name: string): string => `name="${name.replace('"', '%22')}"`
  const set = fc.dictionary(fc.constantFrom('a', 'b', 'c"', 'new'), fc.constantFrom('', 'v', 'é\r\n-'))
  fc.assert(
    fc.property(fields, set, fc.subarray(['a', 'b', 'c"', 'd;']), (written, changes, drop) => {
      const bytes = form(...written.map(([name, value]) => [quoted(name), value] as const))
      const index = indexMultipart(bytes, TYPE)
      assert.deepEqual(
        index.parts.map(({ name, start, end }) => [name, bytes.toString('utf8', start, end)]),
        written,
      )
      const values = new Map(Object.entries(changes))
      const gone = new Set([...drop, ...values.keys()])
      const kept = written.flatMap(([name, value]): [string, string][] => {
        const change = values.get(name)
        if (change === undefined) return gone.has(name) ? [] : [[name, value]]
        values.delete(name)
        return [[name, change]]
      })
      const expected = form(...[...values, ...kept].map(([name, value]) => [quoted(name), value] as const))
      const edited = joinSegments(editMultipart(bytes, index, { set: changes, drop }))
      assert.equal(Buffer.from(edited).toString(), expected.toString())
    }),
    { numRuns: 1000 },
  )
})
