import { readFileSync } from 'node:fs'
import type { Metadata } from '#dist/objects/model.js'
import type { ObjectId } from '#dist/protocol/ids.js'

/** An object as vineyard 0.24.2 stored it. See test/fixtures/README.md. */
export interface Fixture {
  name: string
  meta: Metadata
  /** Base64 by id. */
  blobs: Record<ObjectId, string>
  /** What was put, in a form that JSON can say: see logical.ts. */
  value: unknown
  /** What the Python client read back. */
  python?: unknown
  note?: string
}

const file = new URL('../../../../../test/fixtures/objects.json', import.meta.url)

export const fixtures = JSON.parse(readFileSync(file, 'utf8')) as Fixture[]

export function fixture(name: string): Fixture {
  const found = fixtures.find(candidate => candidate.name === name)
  if (found === undefined) throw new Error(`no fixture ${name}`)
  return structuredClone(found)
}

export function blobsOf({ blobs }: Fixture): Map<ObjectId, Uint8Array> {
  const entries = Object.entries(blobs) as [ObjectId, string][]
  return new Map(entries.map(([id, base64]) => [id, Uint8Array.from(Buffer.from(base64, 'base64'))]))
}
