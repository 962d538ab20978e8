import { headless, nonsense, shut } from '../script.ts'
import { type Fault, fails } from './fault.ts'

const broken = () => fails('transport', 500)
const TIMEOUT = 408

/** No response head comes. */
export const CONNECTIONS: readonly Fault[] = [
  { title: 'DNS failure', wire: 'too', meaning: broken, script: () => shut('no-name') },
  { title: 'connection refused', wire: 'too', meaning: broken, script: () => shut('refused') },
  {
    title: 'no connection in time',
    meaning: () => fails('timeout_connect', TIMEOUT),
    script: () => shut('unreachable'),
  },
  {
    title: 'TLS failure: a certificate that nobody trusts',
    wire: 'too',
    meaning: broken,
    script: () => shut('untrusted'),
  },
  {
    title: 'TLS failure: a plain server behind https',
    wire: 'too',
    meaning: broken,
    script: () => shut('no-tls'),
  },
  {
    title: 'TCP reset before the head',
    bench: 'S05',
    wire: 'too',
    meaning: broken,
    script: () => headless('reset'),
  },
  { title: 'closed before the head', wire: 'too', meaning: broken, script: () => headless('fin') },
  { title: 'a head that is no HTTP', wire: 'too', meaning: broken, script: () => nonsense },
  {
    title: 'no answer at all',
    bench: 'S06',
    meaning: () => fails(['timeout_headers', 'timeout_first_token', 'timeout_attempt'], TIMEOUT),
    script: () => headless('silence'),
  },
]
