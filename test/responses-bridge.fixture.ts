import type OpenAI from 'openai'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { type Owner, type Play, play } from './support/harness.ts'

type Cast = {
  readonly native: Record<never, never>
  readonly plain: Record<never, never>
}
export type Bridge = Play<Cast> & { readonly client: OpenAI }

/**
 * Two stages: `native` serves both APIs, `plain` is asked for chat completions only. Groups: `native` and `plain` by
 * themselves, `forth` falls back from the one to the other and `back` the other way round; `only` is a model that only
 * responses serve, `turn` falls back to it from a chat deployment.
 */
export const bridge = async (owner: Owner, router: JsonObject = {}): Promise<Bridge> => {
  const house = await play(owner, {
    stages: { native: {}, plain: {} },
    config: ({ native, plain }) => {
      const at = (
        group: string,
        stage: typeof native,
        provider: string,
        info: JsonObject = {},
      ): JsonObject => ({
        model_name: group,
        litellm_params: { model: `${provider}/gpt-4.1`, api_base: stage.baseUrl, api_key: stage.key },
        model_info: info,
      })
      return {
        model_list: [
          at('native', native, 'openai'),
          at('plain', plain, 'groq'),
          at('forth', native, 'openai'),
          at('back', plain, 'groq'),
          at('only', native, 'openai', { mode: 'responses' }),
          at('turn', plain, 'openai'),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ forth: ['plain'] }, { back: ['native'] }, { turn: ['only'] }],
          ...router,
        },
      }
    },
  })
  return { ...house, client: clientOf(house) }
}
