import type { AwsOrder } from './aws-credentials.ts'

/** Whoever waits for the keys tries again by itself. */
export const ONCE = { maxAttempts: 1 }

/**
 * What AWS's library is told about its own requests for a profile, and for the default chain. STS is asked in the
 * parent's region; SSO never looks there, and goes to the region of its portal, which the profile names. A region in
 * `clientConfig` would overrule both: it stands there only for an STS address of one's own, whose requests are signed
 * for it.
 */
export const askedBy = ({ region, endpoint }: Pick<AwsOrder, 'region' | 'endpoint'>) => ({
  clientConfig: endpoint === undefined ? ONCE : { region, ...ONCE },
  parentClientConfig: { region },
})
