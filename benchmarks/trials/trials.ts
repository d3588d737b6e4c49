import type { Trial } from '../trial.js'
import { recordbatch } from './recordbatch.js'

export const trials: readonly Trial[] = [recordbatch]
