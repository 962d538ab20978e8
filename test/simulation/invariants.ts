import type { Invariant } from './invariant.ts'
import { allAccountsAgree, theBillIsTheServers, theFinalErrorIsReal } from './invariants/answers.ts'
import {
  answersBeginInTime,
  attemptsAreBounded,
  attemptsAreCapped,
  barredDeploymentsAreNotAskedAgain,
  failuresAreNamedRight,
  longPromptsGoToLargerOnes,
  nothingStartsAfterTheEnd,
  reloadIsAtomic,
} from './invariants/attempts.ts'
import {
  everyRequestEnds,
  everythingReturnsToZero,
  leasesSettleOnce,
  nothingIsUnbounded,
  oneRecordForEach,
  theGatewayItselfNeverFails,
} from './invariants/ending.ts'
import {
  healthIsTheUpstreams,
  nobodyIsTurnedAwayFromAFreeDeployment,
  restsOnlyGrow,
  retryAfterIsALowerBound,
  servedIfAnyWouldAnswer,
  trafficReturns,
} from './invariants/health.ts'
import { hedgesAreFewAndAlone } from './invariants/hedges.ts'
import {
  nothingTruncatedLooksWhole,
  oneVoiceAfterTheCommit,
  streamsAreWellFormed,
  theHeadWaitsForContent,
} from './invariants/streams.ts'
import {
  bodiesAreTheClients,
  credentialsStayHome,
  failoverChangesNothing,
  nothingSecretIsTold,
  objectsGoToTheirOwner,
} from './invariants/wire.ts'

/** What holds in every schedule. */
export const INVARIANTS: readonly Invariant[] = [
  everyRequestEnds,
  answersBeginInTime,
  attemptsAreBounded,
  attemptsAreCapped,
  barredDeploymentsAreNotAskedAgain,
  longPromptsGoToLargerOnes,
  nothingStartsAfterTheEnd,
  hedgesAreFewAndAlone,
  bodiesAreTheClients,
  failoverChangesNothing,
  credentialsStayHome,
  nothingSecretIsTold,
  objectsGoToTheirOwner,
  oneVoiceAfterTheCommit,
  nothingTruncatedLooksWhole,
  streamsAreWellFormed,
  theHeadWaitsForContent,
  theFinalErrorIsReal,
  failuresAreNamedRight,
  retryAfterIsALowerBound,
  restsOnlyGrow,
  healthIsTheUpstreams,
  nobodyIsTurnedAwayFromAFreeDeployment,
  servedIfAnyWouldAnswer,
  trafficReturns,
  everythingReturnsToZero,
  leasesSettleOnce,
  oneRecordForEach,
  theBillIsTheServers,
  allAccountsAgree,
  reloadIsAtomic,
  nothingIsUnbounded,
  theGatewayItselfNeverFails,
]

/** What does not hold yet, by name, and what it waits for. It is played and not judged. */
export const NOT_YET: ReadonlyMap<string, string> = new Map([])

/** What cannot be seen here, and why. */
export const NOT_SEEN: readonly { readonly what: string; readonly because: string }[] = [
  {
    what: 'Nobody is served by a group that the key may not call directly.',
    because: 'there is one key, and it may call every group; the hop is authorised by the same `mayUse`',
  },
  {
    what: 'Nobody over budget is served by a priced deployment.',
    because: 'there are no budgets yet',
  },
  {
    what: 'The loss of a database or of Redis changes no answer for keys that are known.',
    because:
      'a schedule has one gateway, and its store is memory; test/redis-trouble.test.ts and test/store-damaged.test.ts take them away',
  },
  {
    what: 'What a pulse (sse_keepalive_ping_interval_seconds) changes about the head of an answer.',
    because: 'no schedule sets it; test/streams-commit.test.ts does',
  },
  {
    what: 'Compressed answers, slow senders of requests, and a connection that was kept and is closed as it is used.',
    because: 'they are made of sockets and threads, and here there is neither',
  },
  {
    what: 'Memory does not grow from request to request.',
    because: 'a schedule is too short to tell: that is what the soak is for',
  },
]
