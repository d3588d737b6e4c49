import type { DriverName } from '../drivers/drivers.js'
import type { Work } from '../model.js'

/** What one of the two processes of a stream has to do. */
export interface StreamJob {
  role: 'producer' | 'consumer'
  driver: DriverName
  addresses: readonly unknown[]
  work: Work
}
