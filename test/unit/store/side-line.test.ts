import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { Connection } from '#dist/client/connection.js'
import { connectionSettings } from '#dist/client/settings.js'
import { SideLine } from '#dist/client/side-line.js'

describe('SideLine', () => {
  let store: Store
  let opened: Connection[]
  const open = async (): Promise<Connection> => {
    const connection = await Connection.open(connectionSettings(store.socket, {}))
    opened.push(connection)
    return connection
  }
  const use = (line: SideLine): Promise<Connection> => line.use(connection => Promise.resolve(connection))

  before(async () => {
    store = await Store.start({ size: '16Mi' })
  })
  beforeEach(() => (opened = []))
  after(() => store.close())

  it('stays open between uses, and closes when there are none for a while', async () => {
    const line = new SideLine(open, 100)
    const connection = await use(line)
    // Other turns of the event loop, as between requests that follow each other.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect(await use(line)).to.equal(connection)
    expect(opened.length).to.equal(1)
    const idle = performance.now()
    await new Promise<void>(resolve => connection.onClosed(() => resolve()))
    expect(performance.now() - idle).to.be.above(95)
    expect(await use(line)).not.to.equal(connection)
    line.close()
  })

  it('does not close while it is in use, and opens another after close()', async () => {
    const line = new SideLine(open, 0)
    let end = (): void => {}
    const long = line.use(async connection => {
      await new Promise<void>(resolve => (end = resolve))
      return connection.closed
    })
    await use(line)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setTimeout(resolve, 1))
    expect(opened.length).to.equal(1)
    end()
    expect(await long).to.be.false
    line.close()
    expect((await use(line)).closed).to.be.false
    expect(opened.length).to.equal(2)
    line.close()
  })
})
