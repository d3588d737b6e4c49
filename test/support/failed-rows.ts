import { reportLong } from './long-report.js'

/** Root hooks of the long run: a test that fails has a line in the table, also if it ran into its timeout or threw. */
export const mochaHooks: Mocha.RootHookObject = {
  afterEach(this: Mocha.Context) {
    const { currentTest: test } = this
    if (test?.state !== 'failed') return
    const [note = ''] = (test.err?.message ?? '').split('\n')
    reportLong({ test: test.fullTitle(), failed: true, note })
  }
}
