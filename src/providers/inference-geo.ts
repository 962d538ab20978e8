import { valueInForce } from './in-force.ts'
import { type Ask, Unsupported } from './provider.ts'

/**
 * `inference_geo` says where an answer may be made, and only Anthropic's own service is told so by the request: Claude
 * elsewhere answers where its address is, every other model wherever it runs. So the call does not go there, whatever
 * drop_params says. Throws Unsupported.
 */
export const refuseGeo = (ask: Ask, provider: string): void => {
  const geo = provider === 'anthropic' ? null : valueInForce(ask, 'inference_geo')
  if (geo !== undefined && geo !== null)
    throw new Unsupported(
      `'inference_geo' is known to Anthropic only: ${provider} would not heed it`,
      'inference_geo',
    )
}
