import { openAiCompatible } from './openai-compatible.ts'

export const openai = openAiCompatible({
  name: 'openai',
  exception: 'OpenAIException',
  baseUrl: 'https://api.openai.com/v1',
  baseEnv: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
  keyEnv: ['OPENAI_API_KEY'],
  apis: {
    responses: true,
    compaction: ['endpoint', 'trigger'],
    allChatToResponses: true,
    chat: { customTools: true, mostStops: 4 },
  },
  original: true,
})
