import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { onEndSignal } from '#dist/cli/end-signals.js'

describe('Signals that end a command', () => {
  it('are left to Node when they come again, but for SIGHUP, which a closed terminal sends twice', () => {
    const host = new EventEmitter()
    let ends = 0
    const listenNoMore = onEndSignal(host as never, () => (ends += 1))
    const heard = (signal: string): boolean[] => [1, 2].map(() => host.emit(signal))
    expect(heard('SIGINT')).to.deep.equal([true, false])
    expect(heard('SIGTERM')).to.deep.equal([true, false])
    expect(heard('SIGHUP')).to.deep.equal([true, true])
    expect(ends).to.equal(4)
    listenNoMore()
    expect(host.emit('SIGHUP')).to.equal(false)
  })
})
