import { Worker } from 'node:worker_threads'
import { type AsideOrder, CredentialFault } from '../providers/recipe.ts'
import type { Signal } from '../signal.ts'

/** What a program on the side posts: a value, or why there is none. */
export type AsideWord =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly reason: string; readonly detail: string }

/** A vendor's library needs some 30 MB; one that runs away must not take the gateway with it. */
const MEMORY_MB = 256

/** A program that is given up has so long to end what it has begun. */
const FAREWELL_MS = 500

/**
 * Runs a program once on a thread of its own. It brings two things that a vendor's library on the gateway's own thread
 * could not have: the environment of the configuration instead of the process's, and an event loop that no request
 * waits behind while it loads and works (some 100 ms each time). A message to the program means that it is given up.
 */
export const aside = (program: URL, { env, data }: AsideOrder, signal: Signal): Promise<unknown> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new CredentialFault('given up'))
    const thread = new Worker(program, {
      workerData: data,
      // An unset variable would become the text 'undefined'.
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
      // What a library prints is not the gateway's to say.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    })
    const end = (): void => {
      signal.removeEventListener('abort', leave)
      void thread.terminate()
    }
    const fail = (fault: CredentialFault): void => {
      end()
      reject(fault)
    }
    const leave = (): void => {
      signal.removeEventListener('abort', leave)
      reject(new CredentialFault('no answer in time'))
      thread.postMessage('leave')
      // Whether it listens or not.
      const late = setTimeout(end, FAREWELL_MS)
      thread.once('exit', () => clearTimeout(late))
    }
    signal.addEventListener('abort', leave)
    thread.once('message', (word: AsideWord) => {
      if (word.kind === 'fault') return fail(new CredentialFault(word.reason, { detail: word.detail }))
      end()
      resolve(word.value)
    })
    thread.once('error', error =>
      fail(
        new CredentialFault('the library failed', {
          detail: error instanceof Error ? error.message : '',
        }),
      ),
    )
    thread.once('exit', () => fail(new CredentialFault('the library gave no answer')))
  })
