/** How often it is looked whether this process gets its turns. */
const BEAT_MS = 5

let lost = 0
let users = 0
let timer: NodeJS.Timeout | undefined

const beat = (): void => {
  const due = performance.now() + BEAT_MS
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
  if (users === 0) clearTimeout(timer)
}

/** Milliseconds in which this process could have done something: a busy machine is no slow gateway. */
export const calmNow = (): number => performance.now() - lost
