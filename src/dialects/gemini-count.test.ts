import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countGemini } from './gemini-count.ts'

const byWord = (text: string): number => text.split(/\s+/).filter(word => word !== '').length

test('words are counted, media by what they usually cost, in both places of a request', () => {
  const request = {
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [
      {
        role: 'user',
        parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
      },
      { role: 'model', parts: [{ functionCall: { name: 'look', args: {} } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'look' }] }],
  }
  // 2 + 3 words, the call and the tool as one word each, three contents, one picture.
  const total = 2 + 3 + 1 + 1 + 3 * 4 + 258
  assert.equal(countGemini(request, byWord), total)
  assert.equal(countGemini({ generateContentRequest: { model: 'm', ...request } }, byWord), total)
})

test('sound and documents cost by their length', () => {
  const part = (mimeType: string, size: number) => ({
    contents: [{ parts: [{ inline_data: { mime_type: mimeType, data: 'A'.repeat(size) } }] }],
  })
  assert.equal(countGemini(part('audio/mp3', 44_000), byWord), 4 + 64)
  assert.equal(countGemini(part('application/pdf', 100_000), byWord), 4 + 516)
  assert.equal(countGemini({}, byWord), 0)
})
