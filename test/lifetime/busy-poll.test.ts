import { expect } from 'chai'
import { availableParallelism } from 'node:os'
import { endProcesses, TestProcess } from '../support/processes.js'
import type { AskerJob, AskerResult } from './processes/asker.js'

const job: AskerJob = { microseconds: 2000, sleepsWanted: 0.5, seconds: 90 }

describe('Busy polling', () => {
  afterEach(endProcesses)

  it('answers requests without sleeping in between, and ends when nothing comes any more', async function () {
    // It takes a moment in which nobody else wants a processor, which may be long in coming.
    this.timeout(120_000)
    // Each of the two threads needs a processor.
    if (availableParallelism() < 2) this.skip()
    const [result] = await new TestProcess('asker', job).rest()
    const { sleeps, busyAfterwards } = result as AskerResult
    expect(sleeps).to.be.at.most(job.sleepsWanted)
    expect(busyAfterwards).to.be.below(0.5)
  })
})
