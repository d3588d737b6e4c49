/** What the demo's processes tell each other beside the stream: which stream it is, and what each side saw. */
export interface Job {
  socket: string
  streamId: string
  data: 'seed' | 'flights' | 'weather'
}

export interface Report {
  chunks: number
  rows: number
  /** Bytes of the columns. */
  bytes: number
  checksum: string
  /** Milliseconds from the first chunk to the last. */
  ms: number
  /** The frames as text, for the seed page's example, which is compared frame by frame. */
  frames: string[]
}

export function receiveJob(): Promise<Job> {
  return new Promise(resolve => process.once('message', message => resolve(message as Job)))
}

/** Reports to the parent and closes the channel, so that the process can end by itself. */
export function sendReport(report: Report): void {
  process.send?.(report, () => process.disconnect())
}
