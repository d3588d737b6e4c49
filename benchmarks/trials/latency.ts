import { echoes, type EchoName } from '../drivers/echoes.js'
import { measureEcho } from '../runner/measure-echo.js'
import type { Metric, Side, Trial } from '../trial.js'

const p50: Metric = { name: 'p50', unit: 'µs, p50' }
const p99: Metric = { name: 'p99', unit: 'µs, p99' }

function side(driver: EchoName, bytes: number): Side {
  return { title: echoes[driver].title, measure: pace => measureEcho(driver, bytes, pace) }
}

export const latency: Trial = {
  name: 'latency',
  title: 'There and back between two processes, or a process and the store; less is better',
  cases: [
    {
      name: '1 KiB chunk',
      sides: [side('chunks', 1024), side('net', 1024)],
      metrics: [p50, p99]
    },
    {
      name: 'request to the store',
      // About as long as the request and its reply.
      sides: [side('request', 64), side('net', 64)],
      metrics: [p50, p99]
    }
  ]
}
