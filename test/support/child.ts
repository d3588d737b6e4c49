/** The child's end of a TestProcess. */

/** The next message of the test. The process stays alive while it waits for one. */
export function receiveJob<T>(): Promise<T> {
  return new Promise(resolve => process.once('message', message => resolve(message as T)))
}

/** Tells the test something; resolves when it has been handed over, so that a kill cannot swallow it. */
export function tell(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, error => (error === null ? resolve() : reject(error)))
  })
}
