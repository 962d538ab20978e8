import type { JsonObject } from '../../../../src/wire/json.ts'
import { Complaints, isCount, isText, listOf, objectOf, type Reading, type Told } from './grammar.ts'

/** generateContent, by Google's published schema. */

const REASONS = ['STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'OTHER']

const checkCounts = (body: JsonObject, found: Complaints): void => {
  const usage = objectOf(body.usageMetadata)
  const { promptTokenCount: taken, candidatesTokenCount: given, thoughtsTokenCount: thought = 0 } = usage
  const whole = isCount(taken) && isCount(given) && isCount(thought)
  found.must(whole, `usage: ${JSON.stringify(usage)}`)
  if (whole)
    found.must(usage.totalTokenCount === taken + given + thought, 'usage: totalTokenCount is not the sum')
}

/** Client libraries take a content without parts, or a part without a member, for a broken one. */
const checkCandidate = (candidate: JsonObject, found: Complaints): void => {
  const { parts, role } = objectOf(candidate.content)
  found.must(role === 'model', `role ${role}`)
  found.must(listOf(parts).length > 0, 'a candidate without parts')
  for (const part of listOf(parts)) found.must(Object.keys(part).length > 0, 'a part with nothing in it')
}

const checkNames = (body: JsonObject, found: Complaints): void =>
  found.must(isText(body.modelVersion) && isText(body.responseId), 'an answer without model or id')

export const geminiDocument = (body: JsonObject): readonly string[] => {
  const found = new Complaints()
  checkNames(body, found)
  const candidates = listOf(body.candidates)
  found.must(candidates.length === 1, `${candidates.length} candidates`)
  for (const candidate of candidates) {
    checkCandidate(candidate, found)
    found.must(REASONS.includes(String(candidate.finishReason)), `finishReason ${candidate.finishReason}`)
  }
  checkCounts(body, found)
  return found.all
}

export const geminiStream = (events: readonly Told[]): Reading => {
  const found = new Complaints()
  const last = events.at(-1)
  const failed = last !== undefined && last.data.error !== undefined
  const ids = new Set<unknown>()
  let finished = false
  for (const { event, data } of failed ? events.slice(0, -1) : events) {
    found.must(event === '', `an event called ${event}`)
    found.must(!finished, 'a chunk after the end')
    checkNames(data, found)
    ids.add(data.responseId)
    const candidates = listOf(data.candidates)
    found.must(candidates.length === 1, `${candidates.length} candidates`)
    for (const candidate of candidates) {
      checkCandidate(candidate, found)
      if (candidate.finishReason === undefined) continue
      finished = true
      found.must(REASONS.includes(String(candidate.finishReason)), `finishReason ${candidate.finishReason}`)
      checkCounts(data, found)
    }
  }
  found.must(ids.size <= 1, 'chunks of several ids')
  if (!failed) return { ending: finished ? 'whole' : 'cut', complaints: found.all }
  const { code, message, status } = objectOf(last.data.error)
  found.must(isCount(code) && isText(message) && isText(status), 'the error is not in the dialect')
  return { ending: 'error', complaints: found.all }
}
