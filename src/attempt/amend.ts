import { type Amendment, amendmentEdits } from '../dialects/amendment.ts'
import type { Draft } from '../providers/provider.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import type { Job } from './once.ts'
import { foreignParts } from './seals.ts'

const withOne = (draft: Draft, amendment: Amendment): Draft => {
  const index = indexObject(joinSegments(draft.body))
  const edits = amendmentEdits(index, amendment)
  if (edits.length === 0) return draft
  const idle: Edit[] = []
  const body = applyEdits(index, edits, idle)
  return { ...draft, body, edits: [...draft.edits, ...edits.filter(edit => !idle.includes(edit))] }
}

/**
 * The draft as this provider will take it: without what it has refused before, of this request or of earlier ones, and
 * without what only another account can read. The last word over a body, in whatever dialect it is by then, because
 * that is what the provider spoke of.
 */
export const amended = (job: Job, draft: Draft): Draft => {
  const { call, hop, house, amendments } = job
  // What is answered here sends nothing.
  if (call.body.kind !== 'json' || draft.body.length === 0) return draft
  const { deployment, model } = hop
  const learned =
    call.config.router.learning === undefined
      ? undefined
      : house.board.lessons.of(deployment, call.route.name, model)
  const foreign = foreignParts(job)
  if (learned === undefined && foreign.length === 0 && amendments === undefined) return draft
  // Places in a list move when one before them goes: what takes whole items comes last.
  const rules = learned?.filter(lesson => lesson.kind !== 'way') ?? []
  const all = [...rules, ...(amendments ?? []), ...foreign]
  return all.reduce(withOne, draft)
}
