import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Sink, type Target } from './sink.ts'
import { RotatingFile } from './targets.ts'

/** A target whose writes wait until they are let through. */
const gated = () => {
  const written: string[] = []
  const waiting: (() => void)[] = []
  const target: Target = {
    write: chunk =>
      new Promise(resolve => {
        waiting.push(() => {
          written.push(chunk.toString())
          resolve()
        })
      }),
    writeSync: () => {},
    close: async () => {},
  }
  const letThrough = async (): Promise<void> => {
    waiting.shift()?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { target, written, letThrough, waiting }
}

test('M-143 a stuck target costs bounded memory, and the loss is counted', async () => {
  const { target, written, letThrough, waiting } = gated()
  const drops: number[] = []
  const sink = new Sink({ target, maxPending: 20, failed: () => {}, wrote: count => drops.push(count) })
  sink.add('first----\n')
  const flushed = sink.flush()
  sink.add('second---\n')
  sink.add('third----\n')
  sink.add('too much-\n')
  sink.add('too much-\n')
  assert.equal(waiting.length, 1)
  await letThrough()
  await letThrough()
  await flushed
  assert.deepEqual(written, ['first----\n', 'second---\nthird----\n'])
  assert.deepEqual(drops, [2, 0])
})

test('a refused chunk is handed back whole and the next one is tried', async () => {
  const failed: string[] = []
  let broken = true
  const written: string[] = []
  const target: Target = {
    write: async chunk => {
      if (broken) throw new Error('ENOSPC')
      written.push(chunk.toString())
    },
    writeSync: () => {},
    close: async () => {},
  }
  const sink = new Sink({
    target,
    maxPending: 100,
    failed: (_error, lines) => failed.push(lines),
    wrote: () => {},
  })
  sink.add('a\n')
  sink.add('b\n')
  await sink.flush()
  broken = false
  sink.add('c\n')
  await sink.close()
  sink.add('after close\n')
  await sink.flush()
  assert.deepEqual(failed, ['a\nb\n'])
  assert.deepEqual(written, ['c\n'])
})

test('lines whose file is still being opened are written when the process ends, once and before the last ones', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'understudy-sink-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'log', 'requests.jsonl')
  const target = new RotatingFile({ path, maxBytes: 1000, keep: 1 })
  const sink = new Sink({ target, maxPending: 1000, failed: () => {}, wrote: () => {} })
  sink.add('first\n')
  const flushed = sink.flush()
  sink.add('second\n')
  sink.flushSync()
  assert.equal(await readFile(path, 'utf8'), 'first\nsecond\n')
  await flushed
  assert.equal(await readFile(path, 'utf8'), 'first\nsecond\n')
  await sink.close()
})
