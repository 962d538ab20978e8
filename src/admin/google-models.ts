import { Refusal } from '../failure.ts'
import type { Json } from '../wire/json.ts'
import { json, type LocalAnswer, type Visit } from './local.ts'
import { nameIn, namesFor } from './models.ts'

/** The list of models as clients of Google's API read it. */

const card = (id: string): Json => ({
  name: `models/${id}`,
  displayName: id,
  supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
})

/** As many as that API gives when nobody says how many, and at most. */
const PAGE = { usual: 50, most: 1000 }

/** More than the most is the most, and 0 is as good as nothing said: as published. */
const pageSize = (written: string | undefined): number => {
  const size = Number(written || PAGE.usual)
  if (Number.isInteger(size) && size >= 0) return Math.min(size || PAGE.usual, PAGE.most)
  throw new Refusal(400, 'pageSize: a number of models is expected.', {
    type: 'invalid_request_error',
    param: 'pageSize',
  })
}

/** A token names the last model of the page before. */
export const googleList = (visit: Visit): LocalAnswer => {
  const names = namesFor(visit)
  const { pageSize: size, pageToken: token = '' } = visit.query
  const start = token === '' ? 0 : names.indexOf(token) + 1
  const page = names.slice(start, start + pageSize(size))
  const last = page.at(-1)
  const more = last !== undefined && start + page.length < names.length
  return json({ models: page.map(card), ...(more ? { nextPageToken: last } : {}) })
}

export const googleCard = (visit: Visit): LocalAnswer => json(card(nameIn(visit)))
