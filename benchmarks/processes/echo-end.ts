import { echoes } from '../drivers/echoes.js'
import type { EchoDriver } from '../drivers/echoes.js'
import type { Metrics } from '../model.js'
import type { EchoJob } from '../runner/measure-echo.js'
import { receiveJob, tell } from './job.js'

/** Times in µs, or what `once` answers in their place, until `milliseconds` have passed. */
async function timesOf(once: () => Promise<unknown>, milliseconds: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + milliseconds
  for (let before = performance.now(); before < end;) {
    const found = await once()
    const after = performance.now()
    times.push(typeof found === 'number' ? found : (after - before) * 1000)
    before = after
  }
  return times
}

function percentiles(times: number[]): Metrics {
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)]!
  return { p50: at(0.5), p99: at(0.99) }
}

const { role, driver, address, bytes, warmUp, measure } = await receiveJob<EchoJob>()
const echo: EchoDriver = echoes[driver]
if (role === 'answer') {
  await echo.answer?.(address, bytes, () => tell('listening'))
} else {
  const once = await echo.open(address, bytes)
  await timesOf(once, warmUp)
  tell(percentiles(await timesOf(once, measure)))
}
