import { onEachServer, type Bench } from './subjects.js'

/**
 * Like onEachServer, but only once on the store: for suites whose processes connect on their own, and so always with
 * what the store offers.
 */
export function onBothServers(title: string, size: string, suite: (bench: Bench) => void): void {
  onEachServer(title, size, bench => {
    if (!bench.subject.name.endsWith('without extensions')) suite(bench)
  })
}
