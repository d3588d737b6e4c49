import { expect } from 'chai'
import { ByteStream, DataframeStream, ParallelStream, RecordBatchStream } from 'vineyard-streams'
import { rejection } from '../support/rejection.js'
import { onEachServer } from '../support/subjects.js'

onEachServer('Sharing a stream', '4Mi', bench => {
  const offered = bench.subject.name === 'the embedded store'

  it(offered ? 'is offered for every type' : 'is refused with a code, and leaves nothing', async () => {
    const client = await bench.client()
    for (const options of [
      { consumers: 2 },
      { consumers: 1, policy: 'drop' as const },
      { resumable: true }
    ]) {
      for (const type of [RecordBatchStream, DataframeStream, ByteStream]) {
        if (offered) await (await type.create(client, options)).drop()
        else
          expect(await rejection(type.create(client, options))).to.have.property(
            'code',
            'ERR_VINEYARD_UNSUPPORTED'
          )
      }
      const group = ParallelStream.create(client, 2, RecordBatchStream, options)
      if (offered) await (await group).drop()
      else expect(await rejection(group)).to.have.property('code', 'ERR_VINEYARD_UNSUPPORTED')
    }
    expect(await client.list({ pattern: 'vineyard::*Stream' })).to.deep.equal([])
  })

  it('checks its options before anything else', async () => {
    const client = await bench.client()
    for (const [options, code] of [
      [{ consumers: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ consumers: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ consumers: 1025 }, 'ERR_OUT_OF_RANGE'],
      [{ consumers: '2' }, 'ERR_INVALID_ARG_TYPE'],
      [{ policy: 'hope' }, 'ERR_INVALID_ARG_VALUE'],
      [{ resumable: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ resumable: true, policy: 'drop' }, 'ERR_INVALID_ARG_VALUE']
    ] as const) {
      expect(await rejection(RecordBatchStream.create(client, options as object))).to.have.property(
        'code',
        code
      )
    }
  })
})
