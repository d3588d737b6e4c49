import { RequestError } from './request-error.js'
import type { Request } from './request.js'

/** Deeper descriptions are refused; the deepest Arrow type a client writes has a few levels. */
const maxDepth = 64

/** What a template's blobs and variables are written as: `{ "$blob": index }` and `{ "$var": index }`. */
const blobKey = '$blob'
const varKey = '$var'

/**
 * What the compact chunks of a stream have in common: the metadata of an object with its members nested, in which blobs
 * and the values that differ from chunk to chunk are only numbered.
 */
export class Template {
  readonly blobs: number
  readonly vars: number
  readonly #skeleton: Request

  /** Throws 1 for a text that is not such a description. */
  constructor(
    readonly number: number,
    readonly text: string
  ) {
    let skeleton: unknown
    try {
      skeleton = JSON.parse(text)
    } catch {
      throw RequestError.invalid('a template is not JSON')
    }
    if (!isRecord(skeleton)) throw RequestError.invalid('a template is not a JSON object')
    const counts = { [blobKey]: 0, [varKey]: 0 }
    check(skeleton, counts, 0)
    this.#skeleton = skeleton
    this.blobs = counts[blobKey]
    this.vars = counts[varKey]
  }

  /**
   * The metadata of one chunk. `link` makes a member object of its metadata and returns what stands for it; `blob` does
   * the same for a numbered blob.
   */
  instantiate(
    vars: readonly unknown[],
    blob: (index: number, instance: unknown) => unknown,
    link: (content: Request) => unknown
  ): Request {
    const visit = (node: Request): Request => {
      const content: Record<string, unknown> = {}
      for (const [key, value] of Object.entries(node)) {
        if (!isRecord(value)) content[key] = value
        else if (varKey in value) content[key] = vars[value[varKey] as number]
        else if (blobKey in value) content[key] = blob(value[blobKey] as number, node['instance_id'])
        else content[key] = link(visit(value))
      }
      return content
    }
    return visit(this.#skeleton)
  }
}

function isRecord(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Counts blobs and variables, which must be numbered from 0 without a gap in any order. */
function check(node: Request, counts: { $blob: number; $var: number }, depth: number): void {
  if (depth > maxDepth) throw RequestError.invalid('a template is nested too deeply')
  for (const key of Object.keys(node)) {
    const value = node[key]
    if (!isRecord(value)) continue
    const special = varKey in value ? varKey : blobKey in value ? blobKey : undefined
    if (special === undefined) {
      check(value, counts, depth + 1)
      continue
    }
    if (value[special] !== counts[special]) throw RequestError.invalid('a template is numbered wrongly')
    counts[special] += 1
  }
}
