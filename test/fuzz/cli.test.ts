import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { Store } from 'vineyard-streams'
import { fuzzes } from '../support/fuzzing.js'
import { inside } from '../support/inside.js'

const commands = ['serve', 'status', 'ls', 'top', 'cat', 'pipe', 'drop', 'help']

/** Beginnings that do something, so that more than the parser is met. */
const beginnings: fc.Arbitrary<string[]> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('csv', 'ndjson', 'arrow', 'parquet', 'bytes')
      .map(format => ['pipe', '-', '--format', format, '--name', 'one', '--force'])
  },
  { weight: 2, arbitrary: fc.constantFrom('cat', 'drop').map(command => [command, 'one']) },
  { weight: 5, arbitrary: fc.constantFrom(...commands).map(command => [command]) }
)

const flags = [
  ...['--help', '--version', '--json', '--streams', '--wait', '--strings', '--force', '--'],
  ...[
    '-s',
    '--socket',
    '-m',
    '--size',
    '-r',
    '--rpc',
    '--metrics',
    '--ui',
    '-u',
    '--username',
    '-p',
    '--password'
  ],
  ...['-f', '--format', '-n', '--name', '--limit', '--to', '-t', '--type', '--rows', '-i', '--interval', '-w']
]

const values = [
  ...[
    '-',
    'x',
    'a.csv',
    '/',
    '.',
    'one',
    'two',
    'o0000000000000001',
    'o688564396a800051',
    '0',
    '1',
    '9600',
    '99999',
    '-1'
  ],
  ...[
    '1Mi',
    '64Ki',
    '9Pi',
    'csv',
    'ndjson',
    'arrow',
    'parquet',
    'bytes',
    'table',
    'dataframe',
    'recordbatch'
  ],
  ...[
    '127.0.0.1:0',
    '0.0.0.0:0',
    '[::1]:0',
    'tcp://',
    'tcp://127.0.0.1:1',
    'http://x',
    '/nonexistent/socket',
    ''
  ]
]

const word = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...flags) },
  { weight: 6, arbitrary: fc.constantFrom(...values) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...flags), fc.constantFrom(...values)).map(pair => pair.join('='))
  }
)

const input = fc.oneof(
  fc.constantFrom('', 'a,b\n1,2\n', '{"a":1}\n', '{"a":[1]}\n[]\n', 'a\n"'),
  fc.string({ unit: 'binary', maxLength: 40 })
)

describe('Arguments of the command line', () => {
  let store: Store
  let folder: string
  let origin: string
  before(async () => {
    store = await Store.start({ size: '16Mi' })
    // Names of files and sockets are among the arguments.
    folder = mkdtempSync(join(tmpdir(), 'vineyard-fuzz-'))
    origin = process.cwd()
    process.chdir(folder)
  })
  after(async () => {
    process.chdir(origin)
    rmSync(folder, { recursive: true })
    await store.close({ drain: 0 })
  })

  fuzzes(
    'end with a documented code, one line for an error, and nothing but data at the output',
    fc.record({
      beginning: beginnings,
      words: fc.array(word, { maxLength: 6 }),
      here: fc.boolean(),
      input
    }),
    async ({ beginning, words, here, input }) => {
      const [command] = beginning
      const server = here && command !== 'serve' && command !== 'help' ? ['--server', store.socket] : []
      const { code, stdout, stderr } = await inside([...beginning, ...server, ...words], {
        input,
        // Whoever waits is interrupted, a server as soon as it listens.
        patience: 50,
        watch: (text, _output, interrupt) => {
          if (text.startsWith('listening')) interrupt()
        }
      })
      const seen = JSON.stringify({ code, stdout, stderr })
      expect([0, 1, 2, 3, 4, 130], seen).to.include(code)
      expect(stderr, seen).to.not.match(/^ +at /m)
      if (code === 0 || code === 130) return
      if (!stderr.startsWith('Usage:')) expect(stderr, seen).to.match(/^vineyard-streams: [^\n]+\n$/)
      if (command !== 'cat')
        expect(stdout, seen).to.match(command === 'pipe' ? /^(?:o[0-9a-f]{16}\n)?$/ : /^$/)
    },
    10
  )
})
