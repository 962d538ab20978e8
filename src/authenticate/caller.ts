/** Who sent the request. Virtual keys will be a second way to make one; nothing else in the house changes then. */
export type Caller = {
  /** Admin keys may use mock flags and see what others may not. */
  readonly admin: boolean
  /** SHA-256 hex of the key as presented; what logs and affinity use. Never the key. */
  readonly keyHash: string
  /** Owner of what this caller creates (sealed into response ids): the user, team or key it acts for. */
  readonly owner: string
  /** May this caller use this model group? Asked again at every fallback hop. */
  readonly mayUse: (group: string) => boolean
}
