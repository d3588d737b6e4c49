import { Status } from '../../errors.js'
import { objectIdToDecimal } from '../../protocol/ids.js'
import { RequestError } from '../request-error.js'
import { readBoolean, readFlag, readId, readSize, readString } from '../request.js'
import { type Handler, plainReply, route } from './handler.js'

const putName: Handler = (request, { engine }) => {
  engine.names.put(readString(request, 'name'), readId(request, 'object_id'))
  return plainReply('put_name_reply')
}

const getName: Handler = (request, { engine }) => {
  const name = readString(request, 'name')
  const wait = readBoolean(request, 'wait')
  const reply = (): string => {
    const id = engine.names.find(name)
    if (id === undefined)
      throw new RequestError(Status.ObjectNotExists, `there is no name '${name.slice(0, 200)}'`)
    return `{"object_id":${objectIdToDecimal(id)},"type":"get_name_reply"}`
  }
  const missing = (): boolean => engine.names.find(name) === undefined
  if (!wait || !missing()) return reply()
  return engine.nameWaits.wait([name], missing, reply)
}

const listName: Handler = (request, { engine }) => {
  const pattern = readString(request, 'pattern')
  const isRegex = readFlag(request, 'regex')
  const names = engine.names.list(pattern, isRegex, readSize(request, 'limit'))
  const entries = names.map(([name, id]) => `${JSON.stringify(name)}:${objectIdToDecimal(id)}`)
  return `{"names":{${entries.join(',')}},"size":${names.length},"type":"list_name_reply"}`
}

const dropName: Handler = (request, { engine }) => {
  engine.names.drop(readString(request, 'name'))
  return plainReply('drop_name_reply')
}

export const nameRoutes = [
  route('put_name_request', putName, { work: true }),
  route('get_name_request', getName),
  route('list_name_request', listName),
  route('drop_name_request', dropName)
]
