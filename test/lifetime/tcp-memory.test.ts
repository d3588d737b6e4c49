import { expect } from 'chai'
import { endProcesses, TestProcess } from '../support/processes.js'
import { onEachEndpoint } from '../support/subjects.js'

const mib = 2 ** 20
const bytes = 8 * mib
/** Chunks; the first round makes the process as large as it needs to be. A gibibyte goes each way in all. */
const rounds = [32, 96]

onEachEndpoint('Memory of a client', '64Mi', true, bench => {
  afterEach(endProcesses)

  for (const compression of [false, true]) {
    it(`stays what it is while large blobs come and go over TCP, ${compression ? 'compressed' : 'as they are'}`, async () => {
      const job = { endpoint: bench.server.endpoint, compression, bytes, rounds }
      const [before, after] = await new TestProcess('tcp-copier', job).rest<number>()
      // The collector does not always come at the same time.
      expect((after as number) - (before as number)).to.be.below(4 * bytes)
    })
  }
})
