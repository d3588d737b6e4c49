/** What this package promises: ratios of ours to a rival's, in the same run. */
export interface Goal {
  trial: string
  /** A case of the trial, and the rival of it that is meant. */
  case: string
  metric: string
  against: string
  /** The ratio must be at least, or at most, this. */
  atLeast?: number
  atMost?: number
  /** Looked at by `npm run bench:check`, which has three minutes. */
  check?: boolean
}

/**
 * How far a ratio may miss its goal before `bench:check` fails. Between runs on a machine that others use as well, medians
 * of three rounds lay up to a third apart, although both sides ran interleaved.
 */
export const margin = 1.5

const arrow = 'Arrow IPC, Unix socket'
const python = 'Python on vineyardd'
const rate = 'chunksPerSecond'

function batches(
  trial: string,
  cases: Record<string, number>,
  against: string,
  checked: string[] = []
): Goal[] {
  return Object.entries(cases).map(([name, atLeast]) => ({
    trial,
    case: name,
    metric: rate,
    against,
    atLeast,
    check: checked.includes(name)
  }))
}

/** Blobs put and got over TCP. */
function blobs(name: string, server: string): Goal[] {
  return ['putBytesPerSecond', 'getBytesPerSecond'].map(metric => ({
    trial: 'tcp',
    case: `blob, ${name}, ${server}`,
    metric,
    against: 'Python',
    atLeast: 3
  }))
}

export const goals: readonly Goal[] = [
  ...batches(
    'recordbatch',
    { '2 rows': 10, '1,000 rows': 15, '65,536 rows': 15, '1,048,576 rows': 15 },
    arrow,
    ['2 rows', '1,000 rows', '65,536 rows', '1,048,576 rows']
  ),
  ...batches('in-place', { '65,536 rows': 50, '1,048,576 rows': 50 }, arrow, ['65,536 rows']),
  ...['16 MiB', '64 MiB'].map(name => ({
    trial: 'bytes',
    case: name,
    metric: 'bytesPerSecond',
    against: 'memcpy into warm memory',
    atLeast: 0.75,
    check: name === '16 MiB'
  })),
  {
    trial: 'latency',
    case: '1 KiB chunk, one way',
    metric: 'p50',
    against: 'bare Node socket',
    atMost: 1.5,
    check: true
  },
  { trial: 'latency', case: '1 KiB chunk, one way', metric: 'p99', against: 'bare Node socket', atMost: 2 },
  {
    trial: 'latency',
    case: 'request to the store',
    metric: 'p50',
    against: 'bare Node socket',
    atMost: 1.1,
    check: true
  },
  ...batches(
    'vineyardd',
    {
      'recordbatch, 2 rows': 5,
      'recordbatch, 1,000 rows': 5,
      'recordbatch, 65,536 rows': 5,
      'recordbatch, 1,048,576 rows': 2.5,
      'dataframe, 2 rows': 3,
      'dataframe, 1,000 rows': 3,
      'dataframe, 65,536 rows': 1.5,
      'dataframe, 1,048,576 rows': 1.5,
      'byte, 64 bytes': 3,
      'byte, 16,000 bytes': 3,
      'byte, 1,048,576 bytes': 1.5,
      'byte, 16,777,216 bytes': 1.5
    },
    python,
    ['recordbatch, 1,000 rows', 'byte, 16,000 bytes']
  ),
  ...batches(
    'python-store',
    {
      'recordbatch, 2 rows': 1,
      'recordbatch, 1,000 rows': 1,
      'recordbatch, 65,536 rows': 1,
      'recordbatch, 1,048,576 rows': 1,
      'dataframe, 2 rows': 1,
      'dataframe, 1,000 rows': 1,
      'dataframe, 65,536 rows': 1,
      'dataframe, 1,048,576 rows': 1,
      'byte, 64 bytes': 1,
      'byte, 16,000 bytes': 1,
      'byte, 1,048,576 bytes': 1,
      'byte, 16,777,216 bytes': 1
    },
    python,
    ['recordbatch, 1,000 rows', 'byte, 1,048,576 bytes']
  ),
  ...['vineyardd', 'the store'].flatMap(server => [
    ...batches(
      'tcp',
      { [`recordbatch, 1,000 rows, ${server}`]: 3, [`recordbatch, 65,536 rows, ${server}`]: 3 },
      'Python',
      ['recordbatch, 1,000 rows, vineyardd']
    ),
    ...['1 MiB', '32 MiB', '1 MiB, zstd', '32 MiB, zstd'].flatMap(name => blobs(name, server))
  ]),
  {
    trial: 'live-objects',
    case: '100,000 objects, this client',
    metric: rate,
    against: '100 objects',
    // The cost of a chunk, 1.3 times at most, as a rate.
    atLeast: 1 / 1.3,
    check: true
  },
  {
    trial: 'live-objects',
    case: '100,000 objects, Python',
    metric: rate,
    against: '100 objects',
    atLeast: 1 / 1.3
  },
  { trial: 'parallel', case: '64 streams', metric: rate, against: '1 stream', atLeast: 0.8, check: true },
  {
    trial: 'memory',
    case: 'a stream of 10 GiB',
    metric: 'ownMemory',
    against: 'after 1 GiB',
    // Flat: what the collector has not swept yet varies.
    atMost: 1.25
  }
]

/** The goal of a comparison, if it has one. */
export function goalOf(
  trial: string,
  found: { case: string; metric: string; rival: { title: string } }
): Goal | undefined {
  return goals.find(
    goal =>
      goal.trial === trial &&
      goal.case === found.case &&
      goal.metric === found.metric &&
      goal.against === found.rival.title
  )
}

/** By how much a ratio is better than its goal: 1 just meets it. */
export function standing({ atLeast, atMost }: Goal, ratio: number): number {
  return atLeast !== undefined ? ratio / atLeast : (atMost ?? 0) / ratio
}
