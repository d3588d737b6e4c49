import type { Trial } from '../trial.js'
import { bytes } from './bytes.js'
import { cluster } from './cluster.js'
import { inPlace } from './in-place.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { pythonStore, vineyardd } from './python.js'
import { recordbatch, strings } from './recordbatch.js'
import { liveObjects, parallel } from './scaling.js'
import { sources } from './sources.js'
import { tcp } from './tcp.js'

export const trials: readonly Trial[] = [
  recordbatch,
  strings,
  sources,
  inPlace,
  bytes,
  latency,
  vineyardd,
  pythonStore,
  tcp,
  cluster,
  liveObjects,
  parallel,
  memory
]
