/** What a template's blobs and variables are written as: `{ "$blob": index }` and `{ "$var": index }`. */
export const blobKey = '$blob'
export const varKey = '$var'

/** Deeper descriptions are refused; the deepest Arrow type a client writes has a few levels. */
const maxDepth = 64

/** A multiple of 64, where the blobs of a packed chunk begin. */
export function headerBytes(vars: number, blobs: number): number {
  return Math.ceil((vars + 2 * blobs) / 8) * 64
}

type Node = Readonly<Record<string, unknown>>

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What the compact chunks of a stream have in common: the metadata of an object with its members nested, in which blobs
 * and the values that differ from chunk to chunk are only numbered, from 0 in the order of the text.
 */
export class Template {
  readonly blobs: number
  readonly vars: number
  /** Bytes before the blobs of a packed chunk: its variables, then offset and size of each blob, each as a float64. */
  readonly headerBytes: number
  /** How many objects it describes, with how many fields in all, and of what types. */
  readonly objects: number
  readonly fields: number
  readonly typenames: ReadonlySet<string>
  readonly #skeleton: Node

  /** Throws an Error for a text that is not such a description. */
  constructor(readonly text: string) {
    const skeleton: unknown = JSON.parse(text)
    if (!isNode(skeleton)) throw new Error('it is not a JSON object')
    const counts: Counts = { [blobKey]: 0, [varKey]: 0, objects: 0, fields: 0, typenames: new Set() }
    check(skeleton, counts, 0)
    this.#skeleton = skeleton
    this.blobs = counts[blobKey]
    this.vars = counts[varKey]
    this.objects = counts.objects
    this.fields = counts.fields
    this.typenames = counts.typenames
    this.headerBytes = headerBytes(this.vars, this.blobs)
  }

  /** What stands for a chunk in it: its metadata with numbered blobs and variables. Not to be changed. */
  get skeleton(): Node {
    return this.#skeleton
  }

  /**
   * The metadata of one chunk. `link` returns what stands for a member object in its owner, given its metadata; `blob`
   * does the same for a numbered blob.
   */
  instantiate(
    vars: readonly unknown[],
    blob: (index: number, instance: unknown) => unknown,
    link: (content: Record<string, unknown>) => unknown
  ): Record<string, unknown> {
    const visit = (node: Node): Record<string, unknown> => {
      // Without a prototype, because a key may be `__proto__`.
      const content = Object.create(null) as Record<string, unknown>
      for (const key of Object.keys(node)) {
        const value = node[key]
        if (!isNode(value)) content[key] = value
        else if (varKey in value) content[key] = vars[value[varKey] as number]
        else if (blobKey in value) content[key] = blob(value[blobKey] as number, node['instance_id'])
        else content[key] = link(visit(value))
      }
      return content
    }
    return visit(this.#skeleton)
  }
}

interface Counts {
  $blob: number
  $var: number
  objects: number
  fields: number
  typenames: Set<string>
}

/** Counts what is in it, and checks how blobs and variables are numbered. */
function check(node: Node, counts: Counts, depth: number): void {
  if (depth > maxDepth) throw new Error('it is nested too deeply')
  const keys = Object.keys(node)
  counts.objects += 1
  counts.fields += keys.length
  const { typename } = node
  if (typeof typename === 'string') counts.typenames.add(typename)
  for (const key of keys) {
    const value = node[key]
    if (!isNode(value)) continue
    const special = varKey in value ? varKey : blobKey in value ? blobKey : undefined
    if (special === undefined) {
      check(value, counts, depth + 1)
      continue
    }
    if (value[special] !== counts[special]) throw new Error('it is numbered wrongly')
    counts[special] += 1
  }
}
