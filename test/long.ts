/**
 * `npm run test:long`: the long forms of the tests (those whose title ends in [long]), and what came of them as a table.
 * Arguments go to mocha: `npm run test:long -- --grep 'store.*long'`. VINEYARD_TEST_MINUTES bounds each of them.
 */
import { spawnSync } from 'node:child_process'
import { Console } from 'node:console'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { longTag, type LongRow } from './support/long-report.js'

const directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
const report = join(directory, 'report')
const further = process.argv.slice(2)
const filter = further.some(argument => ['-g', '--grep', '-f', '--fgrep'].includes(argument))
  ? []
  : ['--fgrep', longTag]
const mocha = ['node_modules/mocha/bin/mocha.js', ...filter, ...further]
const { status } = spawnSync(process.execPath, mocha, {
  stdio: 'inherit',
  env: { ...process.env, VINEYARD_TEST_LONG: '1', VINEYARD_TEST_REPORT: report }
})
const lines = existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : []
rmSync(directory, { recursive: true })
const rows = lines.map(line => JSON.parse(line) as LongRow)
new Console(process.stdout).table(
  rows.map(row => ({
    test: row.test,
    kills: row.kills ?? '',
    hangs: row.hangs ?? '',
    corrupt: row.corrupt ?? '',
    'bytes left': row.bytesLeft ?? '',
    'descriptors left': row.descriptorsLeft ?? '',
    'slowest (ms)': row.slowestMs ?? '',
    note: row.note ?? ''
  }))
)
process.exitCode = status ?? 1
