/**
 * Tools that a provider runs by itself. What only looks something up in public, or draws, is an offer where the client
 * has tools of its own beside it: the model may never take it up, and answers without it. Whoever asks for nothing else
 * wants it, and whatever reads or changes what is the client's (files, vector stores, computers) is no offer.
 */

const OFFERS =
  /^(web_search|web_fetch|image_generation|tool_search|googleSearch|googleSearchRetrieval|googleMaps|urlContext)($|_)/

/** `own`: how many tools the client itself runs. */
export const isOffer = (type: string, own: number): boolean => own > 0 && OFFERS.test(type)

export const NOT_OFFERED = 'only its own provider runs it: the model has the client’s own tools'
