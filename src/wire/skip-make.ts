/**
 * Makes skip-bytes.ts from skip.wat: `npm run wasm`. Not part of the package.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const here = (name: string): URL => new URL(name, import.meta.url)

/** The text of skip-bytes.ts as it has to be. */
export const skipBytesText = async (): Promise<string> => {
  const parser = await wabt()
  const module = parser.parseWat('skip.wat', readFileSync(here('skip.wat'), 'utf8'), { simd: true })
  module.validate()
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
  module.destroy()
  const lines = base64.match(/.{1,96}/g) ?? []
  const parts = lines.map((line, at) => `  '${line}'${at === lines.length - 1 ? '' : ' +'}`)
  return `/** skip.wat, compiled. Made by \`npm run wasm\`. */\nexport const SKIP_BYTES =\n${parts.join('\n')}\n`
}

if (import.meta.main) writeFileSync(here('skip-bytes.ts'), await skipBytesText())
