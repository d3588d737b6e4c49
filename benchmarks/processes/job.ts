/** A process's own end of a NodeProcess. */

/** What the process is to do. It ends when it is told so, whatever it is doing. */
export function receiveJob<T>(): Promise<T> {
  return new Promise(resolve => {
    process.once('message', job => {
      process.on('message', () => process.exit())
      resolve(job as T)
    })
  })
}

export function tell(message: unknown): void {
  process.send?.(message)
}
