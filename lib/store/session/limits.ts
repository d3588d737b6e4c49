/** What the store lets its connections do. Only tests have a reason to change it. */
export interface Limits {
  /** The longest frame of a stranger: a connection that has not registered. */
  readonly strangersFrame: number
  /** How long a stranger may stay, in ms. */
  readonly registrationTime: number
  /**
   * What all connections together may make the process hold of requests that are not complete, that stand in line, and of
   * replies that are not taken. Four requests or replies of the longest kind.
   */
  readonly heldBytes: number
}

export const defaultLimits: Limits = {
  strangersFrame: 64 * 1024,
  registrationTime: 20_000,
  heldBytes: 1024 * 1024 * 1024
}
