import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { print } from './print.ts'

/**
 * Golden files. Each is one case: what goes in is written by hand, `to` (what comes out, for every target) by
 * `npm run golden -- --write`, and read by somebody before it is committed.
 */

export type Case = {
  /** Folder and file without its ending. */
  readonly name: string
  readonly url: URL
  readonly text: string
  readonly content: JsonObject
}

const parsed = (url: URL, text: string): JsonObject => {
  const value = JSON.parse(text) as Json
  assert.ok(isObject(value), `${url.pathname} holds an object`)
  return value
}

/** All cases below `test/golden/<folder>`. */
export const casesIn = (folder: 'requests' | 'answers'): readonly Case[] => {
  const root = new URL(`./${folder}/`, import.meta.url)
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => {
      const url = new URL(name, root)
      const text = readFileSync(url, 'utf8')
      return { name: name.replace(/\.json$/, ''), url, text, content: parsed(url, text) }
    })
}

export type Make = (one: Case) => JsonObject

/** The file as it has to be. */
export const written = (one: Case, make: Make): string => print({ ...one.content, to: make(one) })

/** Names of the files that have changed. */
export const rewrite = (cases: readonly Case[], make: Make): readonly string[] =>
  cases.flatMap(one => {
    const text = written(one, make)
    if (text === one.text) return []
    writeFileSync(one.url, text)
    return [one.name]
  })
