/**
 * Requests that crash vineyardd 0.24.2, or leave it or the connection damaged. A client must never send them, whatever it
 * is called with.
 */
import { parseJson, type JsonValue } from '#dist/protocol/json.js'

type Fields = Record<string, JsonValue>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** No reply ever comes, or the server stops accepting. */
const neverAnswered = new Set([
  'evict_request',
  'load_request',
  'unpin_request',
  'release_lock_request',
  'move_buffers_ownership_request',
  'delete_session_request'
])

/** What a frame does to a vineyardd; undefined if nothing. Null stands for a frame that is not valid UTF-8. */
export function harmOf(frame: string | null): string | undefined {
  if (frame === null) return 'crash: not valid UTF-8'
  if (/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(frame)) return 'crash: half a surrogate pair'
  const request = parseJson(frame) as Fields
  const type = request['type']
  if (typeof type !== 'string') return 'crash: a type that is no text'
  if (neverAnswered.has(type)) return `wedge: ${type}`
  if (type === 'create_data_request') return harmOfContent(request['content'])
  if (type === 'create_datas_request') {
    const contents = request['contents']
    if (!Array.isArray(contents)) return 'crash: no contents'
    return contents.map(harmOfContent).find(harm => harm !== undefined)
  }
  if (type === 'label_request') {
    const { keys, values } = request
    if (!Array.isArray(keys) || !Array.isArray(values) || values.length < keys.length)
      return 'crash: fewer values than keys'
  }
  if (type === 'put_name_request' && request['name'] === '') return 'damage: an empty name'
  return undefined
}

function harmOfContent(content: JsonValue | undefined): string | undefined {
  if (!isFields(content)) return 'crash: content that is no object'
  for (const [key, value] of Object.entries(content)) {
    if (key === 'signature' && typeof value !== 'number' && typeof value !== 'bigint')
      return 'crash: a signature that is no number'
    if (key === 'transient' && typeof value !== 'boolean') return 'damage: an object that cannot be deleted'
    if (/^(?:|-|[0-9]+)$/.test(key)) return `damage: '${key}' as the key of a field`
    const harm = isFields(value) ? harmOfContent(value) : undefined
    if (harm !== undefined) return harm
  }
  return undefined
}
