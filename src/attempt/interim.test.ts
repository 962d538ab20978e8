import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { InterimAnswers } from './interim.ts'

/** What the HTTP client reads of these bytes, given in pieces that end at the cuts. */
const read = (text: string, cuts: readonly number[] = [], answers = new InterimAnswers()): string => {
  const ends = [...new Set(cuts.map(cut => cut % (text.length + 1)))].toSorted((a, b) => a - b)
  const places = [0, ...ends, text.length]
  return places
    .slice(1)
    .map((end, place) => {
      const bytes = Buffer.from(text.slice(places[place], end), 'latin1')
      answers.pass(bytes)
      return bytes.toString('latin1')
    })
    .join('')
}

const HUNDRED = 'HTTP/1.1 100 Continue\r\n\r\n'
const SHOWN = 'HTTP/1.1 102 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </100>\r\n\r\n'
const FINAL = `HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n${HUNDRED}`

describe('a 100 that nobody asked for', () => {
  test('is shown as a 102, however the bytes are cut; what follows the final head is left alone', () => {
    const whole = `${HUNDRED}${HINTS}${HUNDRED}HTTP/1.0 100\r\nx: HTTP/1.1 100\r\n\r\n${FINAL}`
    const shown = `${SHOWN}${HINTS}${SHOWN}HTTP/1.0 102\r\nx: HTTP/1.1 100\r\n\r\n${FINAL}`
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), cuts => {
        assert.equal(read(whole, cuts), shown)
      }),
    )
  })

  test('other statuses stay, a final one of three like digits and one of too many among them', () => {
    for (const line of ['101 X', '103 X', '110 X', '200 X', '400 X', '500 X', '999 X'])
      assert.equal(read(`HTTP/1.1 ${line}\r\n\r\n`), `HTTP/1.1 ${line}\r\n\r\n`)
  })

  test('the next answer on the connection is looked at again', () => {
    const answers = new InterimAnswers()
    assert.equal(read(FINAL, [], answers), FINAL)
    assert.equal(read(HUNDRED, [], answers), HUNDRED)
    answers.begin()
    assert.equal(read(HUNDRED + FINAL, [], answers), SHOWN + FINAL)
  })
})
