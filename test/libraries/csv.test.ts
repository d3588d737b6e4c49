import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { tableFromArrays, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { parse } from 'csv-parse'
import { stringify } from 'csv-stringify'
import { dataset, Session, takenRows } from './session.js'

interface Weather {
  date: string
  temp_max: number
  weather: string
}

describe('csv-parse and csv-stringify', () => {
  const session = Session.forSuite()

  it('carry a file of rows as batches and make the same file of them', async () => {
    const { out, into } = await session.batches()
    const file = dataset('seattle-weather.csv')
    const parts: string[] = []
    await Promise.all([
      pipeline(createReadStream(file), parse({ columns: true }), toBatches(100), out.createWriteStream()),
      pipeline(
        into.createReadStream(),
        toRows(),
        stringify({ header: true }),
        async (source: AsyncIterable<Buffer>) => {
          for await (const part of source) parts.push(part.toString())
        }
      )
    ])
    const expected = (await readFile(file, 'utf8')).split('\n').map(line => {
      const [date, , max, , , weather] = line.split(',')
      return date === 'date'
        ? 'date,temp_max,weather'
        : line === ''
          ? ''
          : `${date},${Number(max)},${weather}`
    })
    expect(parts.join('').split('\n')).to.deep.equal(expected)
    expect(expected).to.have.length.above(1400)
  })
})

function toBatches(rows: number): Transform {
  let gathered: Weather[] = []
  const batch = (): RecordBatch => {
    const table = tableFromArrays({
      date: gathered.map(({ date }) => date),
      temp_max: Float64Array.from(gathered, row => Number(row.temp_max)),
      weather: gathered.map(({ weather }) => weather)
    })
    gathered = []
    return table.batches[0] as RecordBatch
  }
  return new Transform({
    objectMode: true,
    transform(row: Weather, _encoding, done) {
      gathered.push(row)
      done(null, gathered.length === rows ? batch() : undefined)
    },
    flush: done => done(null, gathered.length > 0 ? batch() : undefined)
  })
}

function toRows(): Transform {
  return new Transform({
    objectMode: true,
    transform(batch: RecordBatch, _encoding, done) {
      for (const row of takenRows(batch)) this.push(row)
      done()
    }
  })
}
