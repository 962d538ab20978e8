#!/usr/bin/env node
// Starts the gateway with a Node that is new enough: this one, or the one the package brings (npm's `node`).
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = new URL('../dist/main.js', import.meta.url)
const source = new URL('../src/main.ts', import.meta.url)

/** A checkout runs its build, which starts in half the time, as long as no source is newer than it. */
const isFresh = () => {
  if (!existsSync(built)) return false
  const { mtimeMs } = statSync(built)
  const folder = fileURLToPath(new URL('.', source))
  return readdirSync(folder, { recursive: true }).every(
    name =>
      !name.endsWith('.ts') || name.endsWith('.test.ts') || statSync(join(folder, name)).mtimeMs <= mtimeMs,
  )
}

// The package has no sources.
const entry = existsSync(source) && !isFresh() ? source : built
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major > 22 || (major === 22 && minor >= 19)) {
  await import(entry.href)
} else {
  const brought = () => {
    try {
      return createRequire(import.meta.url).resolve('node/bin/node')
    } catch {
      return undefined
    }
  }
  const node = brought()
  if (node === undefined || !existsSync(node)) {
    console.error(`understudy needs Node 22.19 or newer; this is ${process.versions.node}.`)
    process.exit(1)
  }
  const child = spawn(node, [fileURLToPath(entry), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1))
}
