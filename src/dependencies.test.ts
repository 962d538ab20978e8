import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const at = (path: string): URL => new URL(`../${path}`, import.meta.url)
const readJson = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'))

type Locked = {
  readonly license?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly hasInstallScript?: boolean
}
const manifest: {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
} = readJson('package.json')
const { packages }: { readonly packages: Readonly<Record<string, Locked>> } = readJson('package-lock.json')
const page = readFileSync(at('docs/dependencies.md'), 'utf8')

/** First cells and the rest of the rows of the table under this header line. */
const tableUnder = (header: string): ReadonlyMap<string, readonly string[]> => {
  const table = page.split(header)[1]?.split('\n\n')[0] ?? assert.fail(`no table ${header}`)
  const rows = table
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => line.split('|').map(cell => cell.trim().replaceAll('`', '')))
  return new Map(rows.map(([, name = '', ...cells]) => [name, cells]))
}

const runtime = tableUnder('| package | for | size | licence | install script |')
const development = tableUnder('| package | for |\n')

/** Everything that ships, as one text. */
const sources = (): string =>
  readdirSync(at('src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name))
    .map(name => readFileSync(at(`src/${name}`), 'utf8'))
    .join('\n')

test('docs/dependencies.md has a row for each package of package.json, and no other', () => {
  assert.deepEqual([...runtime.keys()].toSorted(), Object.keys(manifest.dependencies).toSorted())
  assert.deepEqual([...development.keys()].toSorted(), Object.keys(manifest.devDependencies).toSorted())
})

test('docs/dependencies.md gives licences and install scripts as the lock file has them', () => {
  for (const [name, [, , licence, script]] of runtime) {
    const locked = packages[`node_modules/${name}`]
    assert.equal(licence, locked?.license, name)
    assert.equal(script, locked?.hasInstallScript === true ? 'yes' : 'no', name)
    assert.match(page, new RegExp(`^\\*\\*.*\`${name}\`.*\\*\\*`, 'm'), `why ${name}`)
  }
  const below = Object.entries(packages).filter(
    ([path, one]) => path !== '' && one.dev !== true && one.devOptional !== true,
  )
  assert.ok(page.includes(`, ${below.length} with everything below them`), `${below.length} packages`)
})

test('nothing runs a script at install but the runtime, and what else would is named and denied', () => {
  const runs = Object.entries(packages).filter(([path, one]) => path !== '' && one.hasInstallScript === true)
  const names = runs.map(([path]) => path.replace(/^.*node_modules\//, ''))
  assert.deepEqual(names, Object.keys(manifest.allowScripts))
  const allowed = Object.entries(manifest.allowScripts).flatMap(([name, may]) => (may ? [name] : []))
  assert.deepEqual(allowed, ['node'])
})

test('each package is used: imported by the sources, or the runtime itself', () => {
  const code = sources()
  for (const name of Object.keys(manifest.dependencies).filter(one => one !== 'node'))
    assert.match(code, new RegExp(`['"\`]${name}(?:/[^'"\`]*)?['"\`]`), name)
})
