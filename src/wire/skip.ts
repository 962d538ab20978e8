import { SKIP_BYTES } from './skip-bytes.ts'

/**
 * The fast half of the JSON reader: a WebAssembly module (skip.wat) that passes over whole values, sixteen bytes of a
 * string at a time. It only ever says "the value ends here". Whatever it cannot pass is read by scan.ts, which knows
 * the reasons; both accept the same documents.
 */

type Memory = { readonly buffer: ArrayBuffer }
type Constant = { readonly value: number }

/** What skip.wat exports; its head says what the numbers mean. */
type Exports = {
  readonly memory: Memory
  readonly window: Constant
  readonly capacity: Constant
  readonly stack: Constant
  readonly skip: (at: number, end: number, levels: number) => number
  readonly more: (at: number, end: number) => number
}

type Module = {
  readonly memory: Uint8Array
  readonly window: number
  readonly capacity: number
  readonly stack: number
  readonly skip: Exports['skip']
  readonly more: Exports['more']
}

/** The part of the WebAssembly API that is used here; Node's types have none of it. */
type Api = {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Exports }
}

const compile = (): Module | undefined => {
  try {
    const { WebAssembly: api } = globalThis as unknown as { readonly WebAssembly: Api }
    const { exports } = new api.Instance(new api.Module(Buffer.from(SKIP_BYTES, 'base64')))
    return {
      memory: new Uint8Array(exports.memory.buffer),
      window: exports.window.value,
      capacity: exports.capacity.value,
      stack: exports.stack.value,
      skip: exports.skip,
      more: exports.more,
    }
  } catch {
    // A processor without the vector instructions, or a Node that runs without WebAssembly: scan.ts reads everything.
    return undefined
  }
}

/** Compiled by the first document that is large enough, in less than a millisecond. */
let compiled: { readonly module: Module | undefined } | undefined

/** One reading of one document: [from, to) of its bytes is in the module's memory, if `turn` was the last to load. */
export type Reach = {
  readonly bytes: Uint8Array
  readonly module: Module
  readonly capacity: number
  readonly turn: number
  from: number
  to: number
}

let turns = 0
/** Whose bytes are in the memory. A number, so that no body is held for longer than its call. */
let loaded = 0

/** Begins a reading; undefined where the module cannot run. `capacity` bounds what is shown at once, in bytes. */
export const reachInto = (bytes: Uint8Array, capacity?: number): Reach | undefined => {
  compiled ??= { module: compile() }
  const { module } = compiled
  if (module === undefined) return undefined
  turns++
  const shown = Math.min(module.capacity, capacity ?? module.capacity)
  return { bytes, module, capacity: shown, turn: turns, from: 0, to: 0 }
}

const load = (reach: Reach, from: number): void => {
  const { bytes, module } = reach
  const to = Math.min(bytes.length, from + reach.capacity)
  // A plain view: subarray of a Buffer makes a Buffer, at twice the price.
  module.memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), module.window)
  reach.from = from
  reach.to = to
  loaded = reach.turn
}

/**
 * One past the string, array or object that starts at `at` and nests at most `levels` deep; undefined when that is
 * not what is there, and when it holds a number longer than a window or nests deeper than the module can count.
 */
export const skipFast = (reach: Reach, at: number, levels: number): number | undefined => {
  const { bytes, module } = reach
  const { window } = module
  if (loaded !== reach.turn || at < reach.from || at >= reach.to) load(reach, at)
  const allowed = Math.min(levels, module.stack)
  let end = module.skip(window + at - reach.from, window + reach.to - reach.from, allowed)
  while (end < 0) {
    const understood = reach.from - 1 - end - window
    // The document has no more, or a whole window was no help.
    if (reach.to === bytes.length || understood === reach.from) return undefined
    load(reach, understood)
    end = module.more(window, window + reach.to - reach.from)
  }
  return reach.from + end - window
}
