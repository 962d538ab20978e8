import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fromIni } from '@aws-sdk/credential-providers'
import { askedBy } from './aws-options.ts'

/**
 * At the border of AWS's library, because no address of one's own shows which region's it would have asked: whom it
 * turns to, by the request that it hands to its own transport.
 */

const CONFIG = `[profile sso]
sso_session = house
sso_account_id = 123456789012
sso_role_name = caller
[sso-session house]
sso_start_url = https://house.example/start
sso_region = eu-north-1
[profile role]
role_arn = arn:aws:iam::123456789012:role/caller
source_profile = base
[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = base-secret
`

// The library finds its files by the environment of its process: of this file's, whose tests run in one of their own.
let home = ''
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'understudy-test-'))
  const cache = join(home, '.aws', 'sso', 'cache')
  await mkdir(cache, { recursive: true })
  const name = createHash('sha1').update('house').digest('hex')
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  await writeFile(join(cache, `${name}.json`), JSON.stringify({ accessToken: 'portal', expiresAt }))
  await writeFile(join(home, 'config'), CONFIG)
  Object.assign(process.env, { HOME: home, AWS_CONFIG_FILE: join(home, 'config') })
})
after(() => rm(home, { recursive: true, force: true }))

const hostsAsked = async (profile: string, region: string): Promise<readonly string[]> => {
  const hosts: string[] = []
  const handle = ({ hostname }: { readonly hostname: string }): Promise<never> => {
    hosts.push(hostname)
    return Promise.reject(new Error('nobody is called'))
  }
  const { clientConfig, parentClientConfig } = askedBy({ region, endpoint: undefined })
  const asked = { clientConfig: { ...clientConfig, requestHandler: { handle } }, parentClientConfig }
  await assert.rejects(fromIni({ profile, ...asked })(), /nobody is called/)
  return hosts
}

test('SSO is asked in the region of its portal, wherever the deployment is', async () => {
  assert.deepEqual(await hostsAsked('sso', 'us-west-2'), ['portal.sso.eu-north-1.amazonaws.com'])
})

test('a profile’s role is assumed in the region of the deployment', async () => {
  assert.deepEqual(await hostsAsked('role', 'us-west-2'), ['sts.us-west-2.amazonaws.com'])
})

test('an STS address of one’s own is signed for the region that it names', () => {
  const { clientConfig } = askedBy({ region: 'eu-west-1', endpoint: 'https://sts.eu-west-1.amazonaws.com' })
  assert.deepEqual(clientConfig, { region: 'eu-west-1', maxAttempts: 1 })
})
