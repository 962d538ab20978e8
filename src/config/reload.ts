import { type FSWatcher, watch } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Clock } from '../house.ts'
import type { Config, Notice } from './config.ts'
import { fingerprintOf, type LoadOptions, type LoadResult, loadConfig } from './load.ts'

/** Calls `changed` with the name of whatever changes in a folder; `failed` when it cannot go on. */
export type WatchFolder = (
  folder: string,
  changed: (name: string | undefined) => void,
  failed: () => void,
) => () => void

export type WatchOptions = {
  readonly load: LoadOptions
  /** The load that `loaded.config` came from; it is in force until a better one comes. */
  readonly loaded: Pick<LoadResult, 'notices' | 'files'> & { readonly config: Config }
  readonly clock: Clock
  /** After every load of changed content. Not accepted: the old configuration stays in force. */
  readonly onNotices: (notices: readonly Notice[], accepted: boolean) => void
  /** For tests; the default is fs.watch. */
  readonly watchFolder?: WatchFolder
  /** For tests; the default tells by inode, size and modification time of what the path leads to. */
  readonly signature?: (path: string) => Promise<string>
}

export type ConfigWatch = {
  /** The configuration in force now. */
  readonly current: () => Config
  /** Loads now, whatever the watcher saw; resolves to the notices of the newest load. Never rejects. */
  readonly reload: () => Promise<readonly Notice[]>
  readonly close: () => void
}

/** Editors write in several steps; this is how long they may take. */
const SETTLE_MS = 200
/** Watching is the fast way; looking is the sure one: network and container file systems do not always notify. */
const LOOK_MS = 5000

const watchWithNode: WatchFolder = (folder, changed, failed) => {
  let watcher: FSWatcher
  try {
    watcher = watch(folder, { persistent: false }, (_event, name) => changed(name ?? undefined))
  } catch {
    failed()
    return () => {}
  }
  watcher.on('error', () => {
    watcher.close()
    failed()
  })
  return () => watcher.close()
}

const statSignature = async (path: string): Promise<string> => {
  try {
    const real = await realpath(path)
    const { ino, size, mtimeMs } = await stat(real)
    return `${real}:${ino}:${size}:${mtimeMs}`
  } catch {
    return 'missing'
  }
}

/** Holds one configuration and replaces it whole, when the files change or `reload` is called. */
class ConfigWatcher {
  readonly #options: WatchOptions
  readonly #watchFolder: WatchFolder
  readonly #signatureOf: (path: string) => Promise<string>
  readonly #folders = new Map<string, () => void>()
  #current: Config
  #accepted: string | undefined
  /** Fingerprint and notices of the newest load, accepted or not. */
  #newest: { readonly fingerprint: string | undefined; readonly notices: readonly Notice[] }
  #files: readonly string[]
  /** Base names of the files and of what they link to. */
  #names: ReadonlySet<string> = new Set()
  #signature: string | undefined
  #running: Promise<void> = Promise.resolve()
  #cancelSettle: (() => void) | undefined
  #cancelLook: (() => void) | undefined
  #closed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#watchFolder = options.watchFolder ?? watchWithNode
    this.#signatureOf = options.signature ?? statSignature
    this.#current = options.loaded.config
    const { config, notices, files } = options.loaded
    this.#accepted = fingerprintOf(config)
    this.#newest = { fingerprint: this.#accepted, notices }
    this.#files = files
    // In the same queue as the loads: two walks over the folders would undo each other.
    this.#running = this.#follow(files)
    this.#lookLater()
  }

  current(): Config {
    return this.#current
  }

  async reload(): Promise<readonly Notice[]> {
    await this.#enqueue()
    return this.#newest.notices
  }

  close(): void {
    this.#closed = true
    this.#cancelSettle?.()
    this.#cancelLook?.()
    for (const stop of this.#folders.values()) stop()
    this.#folders.clear()
  }

  /** One load at a time: two could finish in the wrong order and put the older file in force. */
  #enqueue(): Promise<void> {
    const next = (): Promise<void> => this.#load()
    // A fault in one load (a throwing listener) does not stop the ones after it.
    this.#running = this.#running.then(next, next)
    return this.#running
  }

  async #load(): Promise<void> {
    if (this.#closed) return
    const { load, onNotices } = this.#options
    const result = await loadConfig(load)
    if (this.#closed) return
    const seen = result.fingerprint === this.#newest.fingerprint
    this.#newest = result
    await this.#follow(result.files)
    if (seen || this.#closed) return
    // Back to what is in force already: the snapshot stays, so that nothing hangs on two equal ones.
    if (result.config !== undefined && result.fingerprint !== this.#accepted) {
      this.#accepted = result.fingerprint
      this.#current = result.config
    }
    onNotices(result.notices, result.config !== undefined)
  }

  /** Watches the folder of every file and of what it links to; stops watching folders that are out of use. */
  async #follow(files: readonly string[]): Promise<void> {
    this.#files = files
    const real = await Promise.all(files.map(file => realpath(file).catch(() => file)))
    if (this.#closed) return
    const wanted = new Set([...files, ...real].map(file => dirname(file)))
    for (const [folder, stop] of this.#folders) {
      if (wanted.has(folder)) continue
      stop()
      this.#folders.delete(folder)
    }
    this.#names = new Set([...files, ...real].map(file => basename(file)))
    for (const folder of wanted) {
      if (this.#folders.has(folder)) continue
      const changed = (name: string | undefined): void => {
        if (this.#concerns(name)) this.#settle()
      }
      this.#folders.set(
        folder,
        this.#watchFolder(folder, changed, () => this.#folders.delete(folder)),
      )
    }
  }

  /** Kubernetes swaps a link called ..data; an unnamed change may be anything. */
  #concerns(name: string | undefined): boolean {
    return name === undefined || name.startsWith('..') || this.#names.has(name)
  }

  /** The first change starts the wait and later ones join it, so a file that is written all the time still loads. */
  #settle(): void {
    if (this.#closed || this.#cancelSettle) return
    this.#cancelSettle = this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined
      void this.#enqueue()
    })
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      void this.#look().then(() => this.#lookLater())
    })
  }

  async #look(): Promise<void> {
    const signatures = await Promise.all(this.#files.map(this.#signatureOf))
    const signature = signatures.join('\n')
    // The first look has nothing to compare with, so it loads; the fingerprint then tells whether anything changed.
    if (signature === this.#signature) return
    this.#signature = signature
    await this.#enqueue()
  }
}

export const watchConfig = (options: WatchOptions): ConfigWatch => {
  const watcher = new ConfigWatcher(options)
  return {
    current: () => watcher.current(),
    reload: () => watcher.reload(),
    close: () => watcher.close(),
  }
}
