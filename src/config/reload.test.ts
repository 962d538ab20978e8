import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import type { Clock } from '../house.ts'
import type { Config, Notice } from './config.ts'
import { fakeProvider, models, STRONG_KEY } from './load.fixture.ts'
import { loadConfig } from './load.ts'
import { type ConfigWatch, type WatchOptions, watchConfig } from './reload.ts'

/** Time that moves only when told to. */
class TestClock implements Clock {
  #now = 0
  #timers: { readonly at: number; readonly action: () => void }[] = []
  readonly now = (): number => this.#now
  readonly wall = (): number => this.#now
  readonly after = (ms: number, action: () => void): (() => void) => {
    const timer = { at: this.#now + ms, action }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }
  get waiting(): number {
    return this.#timers.length
  }
  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(timer => timer.at <= this.#now)
    this.#timers = this.#timers.filter(timer => timer.at > this.#now)
    for (const timer of due) timer.action()
  }
}

type Event = { readonly notices: readonly Notice[]; readonly accepted: boolean }

/** A queue of reports that can be awaited instead of slept for. */
class Reports {
  readonly all: Event[] = []
  #waiting: ((event: Event) => void)[] = []
  readonly take = (notices: readonly Notice[], accepted: boolean): void => {
    const event = { notices, accepted }
    this.all.push(event)
    this.#waiting.shift()?.(event)
  }
  next(): Promise<Event> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }
}

const env = { LITELLM_MASTER_KEY: STRONG_KEY }
const providers = { openai: fakeProvider('openai') }

type Bench = {
  readonly files: Record<string, string>
  readonly reads: () => number
  readonly touch: (folder: string, name?: string) => void
  readonly failWatching: (folder: string) => void
  readonly watched: () => string[]
  readonly clock: TestClock
  readonly reports: Reports
  readonly watch: ConfigWatch
  /** Lets a read go on that was told to wait. */
  hold: Promise<void> | undefined
}

const MAIN = '/etc/gateway/config.yaml'

/** A watcher over files in memory, with every outside event in the test's hand. */
const bench = async (files: Record<string, string>): Promise<Bench> => {
  let reads = 0
  const state: { hold: Promise<void> | undefined } = { hold: undefined }
  const folders = new Map<string, { changed: (name: string | undefined) => void; failed: () => void }>()
  const load = {
    path: MAIN,
    env,
    providers,
    readFile: async (path: string): Promise<string> => {
      reads += 1
      await state.hold
      const source = files[path]
      if (source === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' })
      return source
    },
  }
  const { config, ...rest } = await loadConfig(load)
  if (config === undefined) throw new Error('the first file must be accepted')
  const clock = new TestClock()
  const reports = new Reports()
  const options: WatchOptions = {
    load,
    loaded: { config, ...rest },
    clock,
    onNotices: reports.take,
    watchFolder: (folder, changed, failed) => {
      folders.set(folder, { changed, failed })
      return () => folders.delete(folder)
    },
    signature: async path => files[path] ?? 'missing',
  }
  const watch = watchConfig(options)
  after(watch.close)
  // Behind the watcher's own start in its queue.
  await watch.reload()
  return {
    files,
    reads: () => reads,
    touch: (folder, name) => folders.get(folder)?.changed(name),
    failWatching: folder => {
      folders.get(folder)?.failed()
      folders.delete(folder)
    },
    watched: () => [...folders.keys()],
    clock,
    reports,
    watch,
    get hold() {
      return state.hold
    },
    set hold(promise) {
      state.hold = promise
    },
  }
}

const groups = (config: Config): string[] => [...config.groups.keys()]

test('a changed file is in force after it has settled, and reported once', async () => {
  const own = await bench({ [MAIN]: models('a') })
  const before = own.watch.current()
  own.files[MAIN] = models('a', 'b')
  for (const _ of [1, 2, 3]) own.touch('/etc/gateway', 'config.yaml')
  assert.equal(own.watch.current(), before)
  const report = own.reports.next()
  own.clock.advance(200)
  assert.equal((await report).accepted, true)
  assert.deepEqual(groups(own.watch.current()), ['a', 'b'])
  assert.deepEqual(groups(before), ['a'])
  assert.equal(own.reports.all.length, 1)
})

test('a file with an error changes nothing, and the mended one is taken', async () => {
  const own = await bench({ [MAIN]: models('a') })
  const before = own.watch.current()
  own.files[MAIN] = 'model_list: ['
  const notices = await own.watch.reload()
  assert.equal(own.watch.current(), before)
  assert.deepEqual(
    own.reports.all.map(each => each.accepted),
    [false],
  )
  assert.deepEqual(notices, own.reports.all[0]?.notices)
  assert.ok(notices.some(notice => notice.level === 'error'))
  own.files[MAIN] = models('b')
  await own.watch.reload()
  assert.deepEqual(groups(own.watch.current()), ['b'])
  assert.deepEqual(
    own.reports.all.map(each => each.accepted),
    [false, true],
  )
})

test('an empty or vanished file, as some editors leave it for a moment, changes nothing', async () => {
  const own = await bench({ [MAIN]: models('a') })
  const before = own.watch.current()
  own.files[MAIN] = ''
  await own.watch.reload()
  delete own.files[MAIN]
  await own.watch.reload()
  assert.equal(own.watch.current(), before)
  own.files[MAIN] = models('a')
  await own.watch.reload()
  assert.equal(own.watch.current(), before)
  assert.equal(own.reports.all.at(-1)?.accepted, true)
})

test('identical content does nothing, however often it is touched or reloaded', async () => {
  const own = await bench({ [MAIN]: models('a') })
  const before = own.watch.current()
  await own.watch.reload()
  own.touch('/etc/gateway', 'config.yaml')
  own.clock.advance(200)
  const notices = await own.watch.reload()
  assert.deepEqual(notices, before.notices)
  assert.equal(own.watch.current(), before)
  assert.equal(own.reports.all.length, 0)
  own.files[MAIN] = 'broken: ['
  await own.watch.reload()
  await own.watch.reload()
  assert.equal(own.reports.all.length, 1)
})

test('reloads run one after another, so the newest content wins', async () => {
  const own = await bench({ [MAIN]: models('a') })
  const gate = Promise.withResolvers<void>()
  own.hold = gate.promise
  own.files[MAIN] = models('b')
  const reads = own.reads()
  const first = own.watch.reload()
  const second = own.watch.reload()
  await new Promise(setImmediate)
  assert.equal(own.reads(), reads + 1)
  own.hold = undefined
  gate.resolve()
  await first
  own.files[MAIN] = models('c')
  await Promise.all([second, own.watch.reload()])
  assert.deepEqual(groups(own.watch.current()), ['c'])
})

test('only changes that may concern the files cause a load', async () => {
  const own = await bench({
    [MAIN]: `include: [more/models.yaml]\n`,
    '/etc/gateway/more/models.yaml': models('a'),
  })
  assert.deepEqual(own.watched().sort(), ['/etc/gateway', '/etc/gateway/more'])
  own.touch('/etc/gateway', 'gateway.log')
  assert.equal(own.clock.waiting, 1)
  for (const name of ['config.yaml', '..data', undefined]) {
    own.touch('/etc/gateway', name)
    assert.equal(own.clock.waiting, 2, String(name))
    own.clock.advance(200)
    await own.watch.reload()
  }
  own.files['/etc/gateway/more/models.yaml'] = models('b')
  const report = own.reports.next()
  own.touch('/etc/gateway/more', 'models.yaml')
  own.clock.advance(200)
  await report
  assert.deepEqual(groups(own.watch.current()), ['b'])
})

test('folders of new includes are watched, and those out of use no longer', async () => {
  const own = await bench({ [MAIN]: models('a'), '/srv/other.yaml': models('b') })
  own.files[MAIN] = 'include: [/srv/other.yaml]\n'
  await own.watch.reload()
  assert.deepEqual(own.watched().sort(), ['/etc/gateway', '/srv'])
  own.files[MAIN] = models('c')
  await own.watch.reload()
  assert.deepEqual(own.watched(), ['/etc/gateway'])
})

test('where watching fails, looking every few seconds finds the change', async () => {
  const own = await bench({ [MAIN]: models('a') })
  own.failWatching('/etc/gateway')
  const looks = async (): Promise<void> => {
    own.clock.advance(5000)
    while (own.clock.waiting === 0) await new Promise(setImmediate)
  }
  await looks()
  const reads = own.reads()
  await looks()
  assert.equal(own.reads(), reads)
  own.files[MAIN] = models('b')
  await looks()
  assert.deepEqual(groups(own.watch.current()), ['b'])
})

test('after close nothing is watched, waited for or loaded', async () => {
  const own = await bench({ [MAIN]: models('a') })
  own.touch('/etc/gateway', 'config.yaml')
  own.watch.close()
  assert.equal(own.clock.waiting, 0)
  assert.deepEqual(own.watched(), [])
  own.files[MAIN] = models('b')
  const reads = own.reads()
  await own.watch.reload()
  assert.equal(own.reads(), reads)
})

/** Real files, real notifications; time is real too, and only waited for through reports. */
const onDisk = async (
  prepare: (folder: string) => Promise<string>,
): Promise<{ path: string; reports: Reports; watch: ConfigWatch }> => {
  const folder = await mkdtemp(join(tmpdir(), 'reload-'))
  const path = await prepare(folder)
  const load = { path, env, providers }
  const { config, ...rest } = await loadConfig(load)
  if (config === undefined) throw new Error('the first file must be accepted')
  const reports = new Reports()
  const clock: Clock = {
    now: () => performance.now(),
    wall: () => Date.now(),
    after: (ms, action) => {
      const timer = setTimeout(action, ms / 10)
      return () => clearTimeout(timer)
    },
  }
  const watch = watchConfig({ load, loaded: { config, ...rest }, clock, onNotices: reports.take })
  after(async () => {
    watch.close()
    await rm(folder, { recursive: true })
  })
  return { path, reports, watch }
}

test('on disk: a rewrite and a rename over the file are both seen', async () => {
  const { path, reports, watch } = await onDisk(async folder => {
    await writeFile(join(folder, 'config.yaml'), models('a'))
    return join(folder, 'config.yaml')
  })
  let report = reports.next()
  await writeFile(`${path}.new`, models('b'))
  await rename(`${path}.new`, path)
  assert.equal((await report).accepted, true)
  assert.deepEqual(groups(watch.current()), ['b'])
  report = reports.next()
  await writeFile(path, models('c', 'd'))
  while (!(await report).accepted) report = reports.next()
  assert.deepEqual(groups(watch.current()), ['c', 'd'])
})

test('on disk: a Kubernetes swap of the ..data link is seen', async () => {
  const { path, reports, watch } = await onDisk(async folder => {
    for (const [version, name] of [
      ['..1', 'a'],
      ['..2', 'b'],
    ] as const) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'config.yaml'), models(name))
    }
    await symlink('..1', join(folder, '..data'))
    await symlink(join('..data', 'config.yaml'), join(folder, 'config.yaml'))
    return join(folder, 'config.yaml')
  })
  const folder = dirname(path)
  const report = reports.next()
  await symlink('..2', join(folder, '..new'))
  await rename(join(folder, '..new'), join(folder, '..data'))
  assert.equal((await report).accepted, true)
  assert.deepEqual(groups(watch.current()), ['b'])
})
