import type { Work } from '../model.js'
import { chunksPerSecond, streamSide, type Case, type Trial } from '../trial.js'

const rows = [2, 1000, 65_536, 1_048_576]
/** As many bytes as the batches have. */
const byteSizes = rows.map(count => Math.max(64, count * 16))

/** Every type of stream in every size. */
function cases(sides: (work: Omit<Work, 'warmUp' | 'measure'>) => Case['sides']): Case[] {
  return (['recordbatch', 'dataframe', 'byte'] as const).flatMap(stream =>
    (stream === 'byte' ? byteSizes : rows).map((size): Case => {
      const work = { stream, columns: 'numbers', size, source: 'fresh', reader: 'touch' } as const
      const unit = stream === 'byte' ? 'bytes' : 'rows'
      return {
        name: `${stream}, ${size.toLocaleString('en')} ${unit}`,
        sides: sides(work),
        metrics: [chunksPerSecond]
      }
    })
  )
}

export const vineyardd: Trial = {
  name: 'vineyardd',
  title: 'On a real vineyardd: this client against the Python client',
  cases: cases(work => [streamSide('vineyardd', work), streamSide('python-vineyardd', work)])
}

export const pythonStore: Trial = {
  name: 'python-store',
  title: "The Python client: on this package's store against a real vineyardd",
  cases: cases(work => [streamSide('python-store', work), streamSide('python-vineyardd', work)])
}
