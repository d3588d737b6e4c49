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
  title: 'Through the store to another process, and there and back; less is better',
  cases: [
    {
      // Two hops, as many as the rival's there and back: to the store, and to the reader.
      name: '1 KiB chunk, one way',
      sides: [side('oneWay', 1024), side('net', 1024)],
      metrics: [p50, p99]
    },
    {
      name: '1 KiB chunk, there and back',
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
