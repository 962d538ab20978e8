import { type FailureClass, VERDICTS } from '../failure.ts'

/**
 * What providers write when no code says it. All patterns run over the first 2 KB and the last 1 KB of the
 * message, lower-cased.
 * Sources: the texts of OpenAI, Azure OpenAI, Anthropic, Gemini, Vertex, Bedrock, Mistral, Groq, DeepSeek, xAI,
 * Together, Fireworks, OpenRouter, Cohere, Cerebras, Moonshot, DashScope, Hugging Face TGI, vLLM, SGLang, llama.cpp,
 * LM Studio and Ollama, from their documentation and public issues.
 */
type Phrases = readonly RegExp[]

/** The prompt does not fit. Without effect on health, so these may match anywhere in a text. */
const contextWindow: Phrases = [
  /maximum (?:context|prompt|input|model) (?:length|limit|size)/,
  /context[ _-]?(?:length|window|size|limit)[^.]{0,60}(?:exceed|too (?:long|large)|overflow|is only \d)/,
  /exceed[^.]{0,80}(?:context[ _-]?(?:length|window|size|limit)|model(?:'s)? token limit|max message tokens)/,
  /(?:longer|greater|larger) than (?:the )?(?:model'?s )?(?:maximum )?(?:context|model|input) (?:length|size|window)/,
  /(?:prompt|input) (?:\([^)]{1,60}\) )?(?:is )?too long/,
  /`?inputs`? must have less than \d+ tokens/,
  /prompt token count \(\d+\) cannot exceed/,
  /prompt: ?length/,
  /too many input tokens/,
  /too many tokens: size limit exceeded/,
  /token count is \d{1,12} but[^.]{0,40}(?:supports|limit)/,
  /less than (?:the )?(?:model's )?context (?:length|window)/,
  /total number of tokens[^.]{0,60}cannot exceed/,
  /(?:token count|input (?:length|text)|input tokens?|prompt)[^.]{0,60}exceeds? (?:the |max)/,
  /exceeds? (?:the )?max(?:imum)? (?:allowed )?(?:number of )?(?:input |prompt )?(?:tokens|length)/,
  /inputs`? tokens \+ `?max_new_tokens`? must be/,
  /current length is \d+ while limit is/,
  /prompt contains \d+ tokens/,
  // llama.cpp, of a text to embed that is longer than a batch: behind a 500.
  /input (?:\(\d{1,10} tokens\) )?is too large to process/,
  /context the overflows|context overflow|context shift is disabled/,
  /model max length exceeded|\[input_too_large\]|\d tokens\) exceeds budget/,
  // What vLLM had left for the answer: a prompt that fills the window leaves less than nothing.
  /max_tokens must be at least 1, got -\d\d/,
  /reduce the (?:length|number of tokens)[^.]{0,20}(?:messages|prompt|input|completion)/,
  /decrease input length/,
  /range of input length should be/,
  /expected maxlength: \d+, actual/,
  // A prompt over the whole minute's allowance never fits, however long one waits.
  /request too large for [^\n]{0,200}(?:tokens per min|tpm)/,
]

const contentPolicy: Phrases = [
  /content management policy/,
  /responsible ?ai ?(?:policy|practices)/,
  /(?:by|of|our|the) safety system/,
  /violat[a-z]{1,5} [^.]{0,60}(?:usage (?:polic|guideline)|content polic|terms of service|acceptable use)/,
  /(?:blocked|rejected|flagged|filtered|refused)[^.]{0,80}(?:content (?:filter|polic|moderation)|safety|moderation|guardrail)/,
  /content (?:filter|polic|moderation)[^.]{0,60}(?:block|reject|flag|violat|refus|trigger)/,
  /requires moderation/,
  /content exists risk/,
  /inappropriate content/,
  /considered high risk/,
  /guardrail[^.]{0,40}(?:interven|block|violat)/,
  /prohibited[ _]content/,
  /(?:unsafe|sensitive) (?:or sensitive )?content/,
  /may contain sensitive information|includes sensitive content that violates/,
  // What another LiteLLM in front of the provider calls it.
  /^(?:litellm\.[a-z]{1,40}: ){0,3}(?:litellm\.)?contentpolicyviolationerror/,
  /(?:response|prompt|request) (?:is|was|has been) blocked[^.]{0,40}may violate/,
]

/** Money or a plan's allowance is gone: waiting a minute does not help. */
const quota: Phrases = [
  /credit balance is too low/,
  /insufficient[ _](?:account )?(?:balance|credits?|funds?|quota)|balance is insufficient|not enough balance/,
  /(?:n't|not|no) have any credits|credits? expired/,
  /(?:out of|no more|not enough|exhausted)(?: [a-z]{1,12}){0,3} credits/,
  /requires more credits|purchase (?:more )?credits|prepayment credits/,
  /exceeded your monthly included credits/,
  /exceeded your current quota/,
  /billing (?:hard limit|account[^.]{0,40}(?:disabled|not active|closed))/,
  /(?:spend|spending|monthly|hard)(?: [a-z]{1,12}){0,2} (?:limit|cap)[^.]{0,30}(?:reached|exceeded)/,
  /(?:reached|hit) (?:your|its|the) (?:[a-z']{1,12} ){0,4}(?:usage|spend|spending|billing) limit/,
  /account[^.]{0,40}(?:not active|overdue|in arrears|arrearage)/,
  /payment (?:required|overdue)/,
  /out of call volume quota/,
  /daily free allocation/,
  /limited to [\d,]{1,9} (?:api )?calls? ?(?:\/|per) ?month/,
  /payment[ _]instrument/,
  /past invoices/,
  /budget has been exceeded/,
  /key limit exceeded/,
  /out of extra usage/,
  /余额不足/,
]

const credential: Phrases = [
  /(?:invalid|incorrect|wrong|bad|missing|expired|revoked|no)(?: [a-z]{1,12}){0,2} (?:api[ -]?(?:key|token)|access token|bearer token|credentials?|authentication|authorization|signature)/,
  /api[ -]?key (?:is |was |has )?(?:not valid|invalid|expired|revoked|missing|disabled|not found)/,
  /security token included in the request/,
  /(?:organization|account|project) has been (?:disabled|deactivated|suspended)/,
  /user location is not supported/,
  /country, region, or territory not supported/,
]

const modelGone: Phrases = [
  /^model: /,
  /models?\b[^\n]{0,200}(?:not found|does not exist|doesn't exist|not exist|no longer (?:available|supported)|was removed|deprecated|decommissioned|retired|end of (?:its )?life)/,
  /\b(?:deployment|engine)\b[^\n]{0,120}(?:not found|does not exist)/,
  /is not a valid model/,
  /^invalid model/,
  /(?:no such|unknown) model/,
  /^not found the model/,
  /no endpoints found(?! (?:that|which|matching))/,
  /unable to access model/,
  /model identifier is invalid/,
  /on-demand throughput isn.t supported/,
  /(?:does|do)(?: not|n't) have access to (?:the )?model/,
  /not servable in region|not allowed to use publisher model/,
  /marked by provider as legacy|use case details have not been submitted/,
  /^function [^\n]{1,120}not found for account/,
  /^you are not allowed to (?:sample|generate embeddings) from this model/,
]

/** The route, not the model: this deployment may serve every other endpoint well. */
const unsupported: Phrases = [
  /not supported in the v1\//,
  /only (?:supported|available) in v1\//,
  /^(?:resource )?not found\.?$/,
  /page not found/,
  /(?:invalid|unknown|unrecognized)(?: request)? url/,
  /(?:route|path|endpoint|url) [^.]{0,80}(?:not found|does not exist|is not supported)/,
  /no (?:such )?route/,
  /^cannot (?:get|post|put|delete) \//,
  /method not allowed/,
  /not implemented/,
  /operation does not work with the specified model/,
  /(?:responses|compact|endpoint|api) (?:api )?is not supported (?:for|by)/,
  // What this request wants (tools, images, a data policy) none of the model's hosts offers.
  /no endpoints (?:found|available) (?:that|which|matching)|no allowed providers are available/,
]

const tools = 'tools?(?![_ ]?choice)|tool[ _-]?(?:use|calls?|calling)|function[ _-]?call(?:s|ing)?'
const media =
  '(?:images?|audio|videos?|documents?|pdfs?)(?![_ ]?url)(?: (?:inputs?|content|files?|modality))*'
const ability = `["'\`]?(?:${tools}|vision|${media}|(?:developer|system) instruction)["'\`]?`

/**
 * What this model, or this server as it was started, cannot do at all, whoever asks: others can. Not what it does not do so
 * (a parameter, a size, an address), for which the request is to be mended.
 */
const incapable: Phrases = [
  new RegExp(
    `(?:does|do)(?: not|n't) support (?:the )?${ability}(?: block[^.]{0,40}| in streaming mode)?(?:[.,]|$)`,
  ),
  new RegExp(
    `${ability} (?:is|are) not (?:supported|enabled|available) (?:for|with|by|on|in) (?:this |the |that )?models?(?![a-z])`,
  ),
  /(?:image_url|images?|audio|tools?) (?:is|are) only supported by certain models/,
  // Of servers that the operator starts: vLLM, llama.cpp.
  /at most 0 (?:image|audio|video)/,
  /tool choice requires --enable-auto-tool-choice/,
  /tools param requires --jinja/,
  /(?:image|audio) input is not supported - hint/,
  /missing data required for image input/,
  /unknown variant `image_url`, expected `text`/,
  // Another kind of model: one that only embeds, one that does not.
  /^"[^"\n]{1,200}" does not support (?:chat|generate|embeddings?)$/,
  /^this model does not (?:support embeddings$|appear to be an embedding model)/,
  /^the model (?:'[^'\n]{1,200}' )?does not support (?:the )?(?:[a-z]{1,20}(?: [a-z]{1,20})?|'\/v1\/[a-z/_]{1,60}') api\b/,
  // What the deployment asks with: an older version of the API, a key for other clients.
  /\bis enabled only for api[- ]versions? /,
  /^this credential is only authorized for use with/,
]

/** A server of one model, of a conversation that the model's template cannot put in words: behind a 500. */
const template: Phrases = [/jinja exception/, /^conversation roles must alternate/]

/** An object by its id, which only its owner knows. */
const foreignObject: Phrases = [
  /no such (?:file|batch|vector|thread|assistant|run|message|conversation|response|upload|container|fine)/,
  /(?:previous )?response with id/,
  /items? with id/,
  /items are not persisted/,
  /\b(?:file|batch|vector[ _]store|conversation|container|prompt|upload|fine[- ]tuning job|voice|approval request|thread|assistant)s?\b[^.]{0,120}(?:not found|does not exist|not exist|expired)/,
]

/** The same, where an account that may not read it is told that it is not allowed to. */
const forbiddenObject: Phrases = [
  /^cachedcontent not found/,
  /permission to access the file\b/,
  /^permission denied while accessing input file/,
  /does not have storage\.objects\.[a-z]{1,20} access/,
]

const overloaded: Phrases = [
  /overloaded/,
  /(?:at|over) (?:full )?capacity/,
  /capacity (?:temporarily )?(?:exceeded|reached|constraint)/,
  /temporarily unable to process/,
  /requires more (?:system |gpu )?memory/,
  /(?:no|insufficient) capacity/,
  /(?:server|model|service|system) (?:is )?(?:currently )?(?:too )?busy/,
  /model (?:[^ ]{1,80} )?is (?:currently )?loading|^loading model/,
  /(?:experiencing|due to) high (?:demand|traffic)/,
  /queue is full/,
]

const rateLimit: Phrases = [
  /rate[ _-]?limit/,
  /too many (?:requests|tokens)/,
  /throttl/,
  /(?:requests|tokens) per (?:second|minute|min|hour|day)/,
]

/**
 * At 400 and 422 the message often quotes the caller. What would bench a deployment must then open the text, where
 * providers put it and callers cannot.
 */
const opening: readonly (readonly [FailureClass, RegExp])[] = [
  [
    'quota',
    /^(?:your credit balance is too low|you have reached your specified|insufficient (?:account )?(?:balance|credits?|funds?|quota)|billing hard limit|access denied, please make sure your account is in good standing|sorry, your account balance|you exceeded your current quota|your account (?:[a-z]{1,12} ){0,4}(?:not active|overdue|in arrears)|you're out of extra usage|you've hit your (?:[a-z']{1,12} ){0,4}spend limit|third-party apps now draw from your extra usage|account [^ ]{1,120} is suspended, possibly due to reaching|余额不足)/,
  ],
  [
    'credential',
    /^(?:api[ -]?key (?:is )?(?:not valid|invalid|expired|not found)|(?:invalid|incorrect|expired) api[ -]?key|please pass a valid api key|the security token included|this organization has been disabled|user location is not supported|operation not allowed$|your account is not authorized to invoke|[a-z]{1,20} api free tier is not available)/,
  ],
  [
    'model_gone',
    /^(?:aierror: )?(?:invalid model\b|model (?:does )?not exist|unknown model|no such model|publisher model [^ ]{1,300} (?:is not servable|(?:was )?not found)|project [^ ]{1,120} is not allowed to use publisher model|the provided model identifier is invalid|invocation of model id [^ ]{1,200} with on-demand|(?:the )?(?:requested )?model [^ ]{1,200} (?:does not exist|was not found|not found|is not found|has been (?:decommissioned|deprecated|retired)|is no longer)|access to this model is not available|access to anthropic models is not allowed|data retention mode '[^'\n]{1,40}' is not available for this model|[^ ]{1,200} is not a valid model)/,
  ],
  [
    'unsupported',
    /^(?:requests with max_tokens > \d{1,9} must have stream=true|the [a-z]{1,40} operation does not work with the specified model|this model is only supported in|this is (?:not )?a chat model|invalid url|unknown request url)/,
  ],
]

type Rule = readonly [FailureClass, Phrases]

const harmless: readonly Rule[] = [
  ['context_window', contextWindow],
  ['content_policy', contentPolicy],
  ['unsupported', incapable],
]

/** Which readings are possible at a status, in their order. */
const rulesAt = (status: number | undefined): readonly Rule[] => {
  switch (status) {
    case 401:
    case 407:
      return [['quota', quota]]
    case 402:
      return []
    case 403:
      return [
        ...harmless,
        ['unsupported', forbiddenObject],
        ['quota', quota],
        ['unsupported', unsupported],
        ['model_gone', modelGone],
        ['rate_limit', rateLimit],
      ]
    case 404:
    case 405:
    case 410:
      return [
        ['caller_fault', foreignObject],
        ['unsupported', unsupported],
        ['model_gone', modelGone],
      ]
    case 412:
      return [
        ['quota', quota],
        ['model_gone', [...modelGone, /failed to load/]],
      ]
    case 413:
      return [['context_window', contextWindow]]
    case 429:
      return [
        ['context_window', contextWindow.slice(-1)],
        ['quota', quota],
        // The caller's own tier; behind a 503 it is everybody's.
        ['rate_limit', [/service tier capacity/]],
        ['overloaded', overloaded],
      ]
    case 498:
      return [
        ['overloaded', overloaded],
        ['credential', [...credential, /^invalid token/]],
      ]
    default:
      break
  }
  if (status !== undefined && status < 500) return harmless
  return [
    ...harmless,
    ['caller_fault', template],
    ['quota', quota],
    ['rate_limit', rateLimit],
    ['overloaded', overloaded],
    ['credential', credential],
    ['caller_fault', foreignObject],
    ['unsupported', unsupported.slice(0, 2)],
    ['model_gone', modelGone],
  ]
}

/** Money and safety said beside a code that alone would read otherwise (a shared "permission denied" or "rate limit"). */
const aboveWords: readonly Rule[] = [
  // OpenRouter's code for a body that it cannot read is OpenAI's for a prompt that it refuses.
  ['caller_fault', [/^invalid responses api request/]],
  // An account that was found out, not a prompt.
  ['credential', [/resource has been (?:temporarily )?blocked/]],
  ['content_policy', [/violat[a-z]{1,5} [^.]{0,40}usage guidelines/, /(?:prompt|input|content) was flagged/]],
  // What the plan does not carry at this length passes with no time either.
  ['context_window', [...contextWindow.slice(-1), /long context (?:requests?|beta|access|window)/]],
  [
    'quota',
    [
      /prepayment credits/,
      /used all (?:of )?(?:its |your )?(?:available )?credits/,
      /spend(?:ing)? cap/,
      /too many tokens per day/,
      /out of extra usage/,
      // A limit of nothing: the plan does not include this model.
      /quota exceeded for metric[^\n]{0,200}limit: 0(?![\d.])/,
    ],
  ],
]

/** A text, and the same without what stands in quotation marks. */
type Searched = { readonly text: string; readonly unquoted: string }

/** Marks that open a quotation, not apostrophes; one that is never closed was cut off. */
const quotation = /(?<![a-z0-9])(['"`])[^\n]{0,300}?(?:\1(?![a-z0-9])|$)/g

/** The last line of a long text (a stack trace) may be the one that says it. */
const searchedIn = (message: string): Searched => {
  const ends = message.length > 3_072 ? `${message.slice(0, 2_048)}\n${message.slice(-1_024)}` : message
  const text = ends.toLowerCase().replaceAll('’', "'").trim()
  return { text, unquoted: text.replace(quotation, '') }
}

/**
 * What a message quotes may be the caller's own words. They may lead his request to another list of fallbacks, but
 * what rests a deployment for everybody must be said outside of quotation marks.
 */
const firstOf = (rules: readonly Rule[], { text, unquoted }: Searched): FailureClass | undefined =>
  rules.find(([failureClass, phrases]) => {
    const where = VERDICTS[failureClass].cooldown === 'none' ? text : unquoted
    return phrases.some(phrase => phrase.test(where))
  })?.[0]

/** The class that a text means whatever word came with it. */
export const classAboveWords = (message: string, status: number | undefined): FailureClass | undefined => {
  const found = firstOf(aboveWords, searchedIn(message))
  return found !== undefined && blamesRequest(status) && VERDICTS[found].cooldown !== 'none'
    ? undefined
    : found
}

/** At these statuses a text is about the request unless it opens with something else. */
const blamesRequest = (status: number | undefined): boolean => status === 400 || status === 422

/** The class that a text means at a status; undefined status: a stream, or an error inside a 200. */
export const classOfText = (message: string, status: number | undefined): FailureClass | undefined => {
  const searched = searchedIn(message)
  const found = firstOf(rulesAt(status), searched)
  if (found !== undefined) return found
  if (!blamesRequest(status) && status !== undefined) return undefined
  return opening.find(([, phrase]) => phrase.test(searched.text))?.[0]
}
