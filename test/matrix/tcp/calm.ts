/** How often it is looked whether this process gets its turns. */
const BEAT_MS = 5

let lost = 0
let users = 0
/** When the next look is due. */
let due = Number.POSITIVE_INFINITY
let timer: NodeJS.Timeout | undefined

const beat = (): void => {
  due = performance.now() + BEAT_MS
  timer = setTimeout(() => {
    lost += Math.max(0, performance.now() - due)
    beat()
  }, BEAT_MS)
}

/** While somebody measures. */
export const startCalm = (): void => {
  users += 1
  if (users === 1) beat()
}

export const stopCalm = (): void => {
  users -= 1
  if (users > 0) return
  clearTimeout(timer)
  due = Number.POSITIVE_INFINITY
}

/**
 * Milliseconds in which this process could have done something: a busy machine is no slow gateway. Time since a look
 * that is overdue does not count, whoever asks before it.
 */
export const calmNow = (): number => Math.min(performance.now(), due) - lost
