import { createHash, timingSafeEqual } from 'node:crypto'

/** Compares the credentials of a registration with those the store was started with, in a time that tells nothing. */
export class Authentication {
  readonly #expected: Buffer | undefined

  /** Without a user name everybody may register. */
  constructor(username: string, password: string) {
    this.#expected = username === '' && password === '' ? undefined : digest(username, password)
  }

  accepts(username: string, password: string): boolean {
    return this.#expected === undefined || timingSafeEqual(this.#expected, digest(username, password))
  }
}

function digest(username: string, password: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([username, password]))
    .digest()
}
