import type { Deployment } from '../../src/config/config.ts'
import type { Mutant } from './mutants.ts'
import { overConfig, overSink, overTransport } from './sabotage.ts'

/** Gateways with one broken part that only shows when two plays of one schedule are compared. */
export const TWIN_MUTANTS: readonly Mutant[] = [
  {
    breaks: 'a byte that comes alone is lost',
    noticedBy: 'splitsMakeNoDifference',
    sabotage: overSink(sink => ({
      data: chunk => {
        if (chunk.length > 1) sink.data(chunk)
      },
    })),
  },
  {
    breaks: 'streams are not retried',
    noticedBy: 'endpointsAndStreamsGoTheSameWay',
    sabotage: overTransport(async (send, [draft, headers, limits, signal]) => {
      const answer = await send(draft, headers, limits, signal)
      const streams = headers.some(([name, value]) => name === 'accept' && value === 'text/event-stream')
      if (!streams || answer.status < 500) return answer
      return {
        status: 400,
        headers: {},
        read: sink => answer.read(sink),
        pause: () => {},
        resume: () => {},
        abort: () => answer.abort(),
      }
    }),
  },
  {
    breaks: 'retries of a deployment are not read',
    noticedBy: 'scopesGoTheSameWay',
    sabotage: overConfig(config => {
      const bare = ({ numRetries: _none, ...deployment }: Deployment): Deployment => ({
        ...deployment,
        numRetries: 0,
      })
      const groups = new Map([...config.groups].map(([name, members]) => [name, members.map(bare)]))
      return { ...config, groups }
    }),
  },
]
