import type { Client } from 'vineyard-streams'
import { createData } from '#dist/client/requests/metadata.js'

/** Objects that are made at once. */
const atOnce = 1000
/** One in so many of the objects is a blob. */
const blobShare = 10

/** Fills a store with objects as quickly as its protocol allows: `put` would take a minute for a hundred thousand. */
export async function putObjects(client: Client, count: number): Promise<void> {
  const { connection } = (client as any).core
  const { instanceId } = connection.info
  for (let made = 0; made < count; made += atOnce) {
    const number = Math.min(atOnce, count - made)
    const blobs = Math.floor(number / blobShare)
    const contents = Array.from({ length: number - blobs }, (_, index) => ({
      typename: 'vineyard::Scalar<int32>',
      value_: made + index,
      nbytes: 0,
      instance_id: instanceId
    }))
    await createData(connection, contents)
    await Promise.all(Array.from({ length: blobs }, () => client.put(Buffer.alloc(64))))
  }
}
