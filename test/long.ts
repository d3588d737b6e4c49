/**
 * `npm run test:long`: the long forms of the tests (those whose title ends in [long]), and what came of them as a table.
 * Arguments go to mocha: `npm run test:long -- --grep 'store.*long'`. VINEYARD_TEST_MINUTES (10) is how long the
 * tests that go on for a time do so: each that kills for all of it, each fuzzer for a twentieth.
 */
import { spawnSync } from 'node:child_process'
import { Console } from 'node:console'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { longTag, type LongRow } from './support/long-report.js'

/** What all of it kills at least. */
const killsExpected = 1000

const directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
const report = join(directory, 'report')
const further = process.argv.slice(2)
const filter = further.some(argument => ['-g', '--grep', '-f', '--fgrep'].includes(argument))
  ? []
  : ['--fgrep', longTag]
const hooks = ['--require', 'build/test/support/failed-rows.js']
const mocha = ['node_modules/mocha/bin/mocha.js', ...hooks, ...filter, ...further]
const { status, signal } = spawnSync(process.execPath, mocha, {
  stdio: 'inherit',
  env: { ...process.env, VINEYARD_TEST_LONG: '1', VINEYARD_TEST_REPORT: report }
})
const lines = existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : []
rmSync(directory, { recursive: true })
const rows = lines.map(line => JSON.parse(line) as LongRow)

const total = (of: (row: LongRow) => number | undefined): number =>
  rows.reduce((sum, row) => sum + (of(row) ?? 0), 0)
const kills = total(row => row.kills)
const totals: LongRow = {
  test: 'all',
  kills,
  hangs: total(row => row.hangs),
  corrupt: total(row => row.corrupt),
  bytesLeft: total(row => row.bytesLeft),
  descriptorsLeft: total(row => row.descriptorsLeft),
  mappingsLeft: total(row => row.mappingsLeft),
  slowestMs: Math.max(0, ...rows.map(row => row.slowestMs ?? 0)),
  note: `${rows.filter(row => row.failed).length} failed`
}
const output = new Console(process.stdout)
output.table(
  [...rows, totals].map(row => ({
    test: row.failed ? `FAILED: ${row.test}` : row.test,
    kills: row.kills ?? '',
    hangs: row.hangs ?? '',
    corrupt: row.corrupt ?? '',
    'bytes left': row.bytesLeft ?? '',
    'descriptors left': row.descriptorsLeft ?? '',
    'mappings left': row.mappingsLeft ?? '',
    'median (ms)': row.medianMs ?? '',
    'slowest (ms)': row.slowestMs ?? '',
    note: row.note ?? ''
  }))
)
if (signal !== null) output.log(`mocha was ended by ${signal}`)
// A part of the tests, or little time, cannot be expected to come to what all of it must.
const complete = further.length === 0 && process.env['VINEYARD_TEST_MINUTES'] === undefined
const enough = !complete || kills >= killsExpected
if (!enough) output.log(`${kills} processes were killed instead of ${killsExpected}`)
process.exitCode = enough ? (status ?? 1) : 1
