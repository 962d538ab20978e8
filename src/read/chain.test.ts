import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transcript } from '../capsule.ts'
import { transcriptKey } from '../plan/transcripts.ts'
import { Seal } from '../seal.ts'
import { virtualClock } from '../shared/clock.ts'
import { memoryKeep } from '../shared/keep.ts'
import { keptChain, type Told } from './chain.ts'

const OWNER = 'owner'

const response = (id: string, previous: string): Transcript => ({
  id,
  input: `"${id}"`,
  output: '[]',
  previous,
  deployment: 'd',
  boundary: 'b',
})

const kept = (...transcripts: readonly Transcript[]) => {
  const { clock } = virtualClock()
  const keep = memoryKeep(clock, 10_000_000)
  const seal = new Seal('material')
  const put = (transcript: Transcript, under = transcript.id, tenant = OWNER): void =>
    keep.put(transcriptKey(under, OWNER), seal.transcripts.seal(transcript, tenant), 1000)
  for (const one of transcripts) put(one)
  const chain = async (
    id: string,
    mostBytes = 1_000_000,
    told: Readonly<Record<string, Told>> = {},
  ): Promise<readonly string[] | undefined> => {
    const otherwise = async (asked: string): Promise<Told | undefined> => told[asked]
    const sources = { mostBytes, house: { keep, seal, clock }, otherwise }
    return (await keptChain(id, OWNER, sources))?.map(one => one.id)
  }
  return { put, chain }
}

test('a conversation is all of its responses, the first one first, or nothing', async () => {
  const { chain } = kept(response('a', ''), response('b', 'a'), response('c', 'b'), response('e', 'd'))
  assert.deepEqual(await chain('c'), ['a', 'b', 'c'])
  assert.deepEqual(await chain('a'), ['a'])
  assert.equal(await chain('e'), undefined, 'the one before it is missing')
  assert.equal(await chain('z'), undefined)
})

test('it has an end, in number and in size', async () => {
  const long = Array.from({ length: 1001 }, (_, at) => response(`r${at}`, at === 0 ? '' : `r${at - 1}`))
  const { chain } = kept(...long)
  assert.equal((await chain('r999'))?.length, 1000)
  assert.equal(await chain('r1000'), undefined)
  assert.equal(await chain('r9', 40), undefined)
  const round = kept(response('a', 'b'), response('b', 'a'))
  assert.equal(await round.chain('a'), undefined)
})

test('what stands under another response’s key, or was sealed for somebody else, is not read', async () => {
  const { put, chain } = kept()
  put(response('a', ''), 'b')
  assert.equal(await chain('b'), undefined)
  put(response('c', ''), 'c', 'somebody')
  assert.equal(await chain('c'), undefined)
})

const told = (id: string, previous: string, listed: readonly string[]): Told => ({
  transcript: { ...response(id, previous), output: `[{"type":"message","id":"said-${id}"}]` },
  listed: new Set(listed),
})

test('what is not kept is asked for, between what is kept as well', async () => {
  const { chain } = kept(response('a', ''), response('c', 'b'))
  assert.deepEqual(await chain('c', 1_000_000, { b: told('b', 'a', ['of-b']) }), ['a', 'b', 'c'])
  assert.equal(await chain('c', 1_000_000, { b: told('b', 'z', []) }), undefined)
})

test('where a response lists everything that led to it, the one before it is not said twice', async () => {
  const { chain } = kept()
  const all = { a: told('a', '', ['of-a']), b: told('b', 'a', ['of-a', 'said-a', 'of-b']) }
  assert.deepEqual(await chain('b', 1_000_000, all), ['b'])
  assert.deepEqual(await chain('b', 1_000_000, { ...all, b: told('b', 'a', ['of-b']) }), ['a', 'b'])
})
