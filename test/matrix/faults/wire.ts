import { errorBodyOf } from '../kinds.ts'
import { single } from '../script.ts'
import { cannot, type Fault, fails, passes, unlessVerbatim } from './fault.ts'

/** What HTTP can do to an answer below everything that a transport shows. */
export const WIRE: readonly Fault[] = [
  {
    title: '103 Early Hints before the answer',
    wire: 'only',
    meaning: () => passes('an interim response is no answer'),
    script: (_row, healthy) => ({ ...healthy, wire: 'early-hints' }),
  },
  {
    title: 'the answer, a 503, before the request was sent',
    wire: 'only',
    meaning: row =>
      row.sendsBody
        ? unlessVerbatim(() => fails('overloaded', 503))(row)
        : cannot('the request has no body that could be cut short'),
    script: ({ flavour }) => ({
      ...single(
        503,
        { 'content-type': 'application/json', connection: 'close' },
        JSON.stringify(errorBodyOf(flavour, 503)),
      ),
      wire: 'early-answer',
    }),
  },
  {
    title: 'trailing garbage after the answer, on its connection',
    wire: 'only',
    meaning: () => passes('what comes after the end of the answer is nobody’s'),
    script: (_row, healthy) => ({ ...healthy, wire: 'garbage-after' }),
  },
]
