import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeSync
} from 'node:fs'
import { expect } from 'chai'
import { type Mapping, native } from '#dist/native.js'
import { descriptors, freshPath, run } from './support.js'

const page = 4096

describe('native memory', () => {
  const fds: number[] = []
  const memory = (size: number): number => {
    const fd = native.createMemory('memory test', size)
    fds.push(fd)
    return fd
  }
  const pages = (fd: number): number => (fstatSync(fd).blocks * 512) / page
  afterEach(() => {
    for (const fd of fds.splice(0)) closeSync(fd)
    expect(descriptors().filter(target => target.includes('memory test'))).to.deep.equal([])
  })

  it('is as large as asked, sealed and closed on exec', () => {
    const fd = memory(10_000)
    expect(fstatSync(fd).size).to.equal(10_000)
    const file = `/proc/self/fd/${String(fd)}`
    for (const size of [9_999, 10_001]) {
      expect(() => {
        truncateSync(file, size)
      })
        .to.throw()
        .with.property('code', 'EPERM')
      expect(() => {
        ftruncateSync(fd, size)
      })
        .to.throw()
        .with.property('code', 'EPERM')
    }
    const flags = /flags:\s+0*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8'))?.[1] ?? ''
    expect(parseInt(flags, 8) & 0o2000000, 'O_CLOEXEC').to.not.equal(0)
  })

  it('refuses impossible sizes', () => {
    for (const size of [0, -1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => native.createMemory('x', size), String(size))
        .to.throw(RangeError)
        .with.property('code', 'ERR_OUT_OF_RANGE')
    }
    expect(() => native.createMemory('x', '1' as never)).to.throw(TypeError)
    expect(() => native.createMemory('x'.repeat(300), 1))
      .to.throw()
      .with.property('code', 'EINVAL')
  })

  it('reserves pages and gives them back', () => {
    const fd = memory(100 * page)
    expect(pages(fd)).to.equal(0)
    native.reserve(fd, 10 * page, 20 * page)
    expect(pages(fd)).to.equal(20)
    native.reserve(fd, 0, 0)
    expect(pages(fd)).to.equal(20)
    for (let i = 0; i < 100; i++) writeSync(fd, Buffer.alloc(page, 1), 0, page, i * page)
    expect(pages(fd)).to.equal(100)
    // Only pages 6 to 9 are inside.
    native.punchHole(fd, 5 * page + 1, 5 * page)
    expect(pages(fd)).to.equal(96)
    const read = Buffer.alloc(100 * page)
    readSync(fd, read, 0, read.length, 0)
    for (let i = 0; i < 100; i++)
      expect(read[i * page], `page ${String(i)}`).to.equal(i >= 6 && i < 10 ? 0 : 1)
    native.punchHole(fd, 20 * page + 1, 2 * page - 2)
    native.punchHole(fd, 20 * page, 0)
    native.punchHole(fd, 20 * page, page - 1)
    expect(pages(fd)).to.equal(96)
    native.punchHole(fd, 0, 100 * page)
    expect(pages(fd)).to.equal(0)
    expect(fstatSync(fd).size).to.equal(100 * page)
  })

  it('says what failed', () => {
    const fd = memory(page)
    expect(() => { native.reserve(fd, 0, 2 * page) }).to.throw().that.includes({ code: 'EPERM', syscall: 'fallocate' }) // prettier-ignore
    expect(() => { native.reserve(999_999, 0, 1) }).to.throw().that.includes({ code: 'EBADF', syscall: 'fallocate' }) // prettier-ignore
    expect(() => { native.punchHole(999_999, 0, page) }).to.throw().that.includes({ code: 'EBADF' }) // prettier-ignore
    expect(() => { native.reserve(fd, -1, 1) }).to.throw(RangeError) // prettier-ignore
    expect(() => { native.punchHole(fd, 0, -1) }).to.throw(RangeError) // prettier-ignore
    expect(() => { native.reserve('0' as never, 0, 1) }).to.throw(TypeError) // prettier-ignore
  })

  it('closes descriptors, in a worker without the warning of fs.closeSync', async () => {
    const outcome = await run(`
      import { readdirSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const count = () => readdirSync('/proc/self/fd').length
      const before = count()
      native.closeFd(native.createMemory('x', 1))
      if (count() !== before) throw new Error('still open')
      try { native.closeFd(999_999) } catch (error) { console.log(error.code, error.syscall) }
      new Worker(\`import(${JSON.stringify(new URL('../../../../dist/native.js', import.meta.url).href)})
        .then(({ native }) => native.closeFd(native.createMemory('x', 1)))\`, { eval: true })`)
    expect(outcome).to.include({ code: 0, stdout: 'EBADF close\n', stderr: '' })
  })

  it('duplicates descriptors', () => {
    const fd = memory(page)
    const copy = native.duplicate(fd)
    fds.push(copy)
    writeSync(fd, 'seen', 0)
    const read = Buffer.alloc(4)
    readSync(copy, read, 0, 4, 0)
    expect(read.toString()).to.equal('seen')
    expect(() => native.duplicate(999_999)).to.throw().that.includes({ code: 'EBADF', syscall: 'fcntl' }) // prettier-ignore
    expect(() => native.duplicate('0' as never)).to.throw(TypeError)
  })

  it('advises large pages for the memory of arrays', function () {
    // The flag "hg" of a range of addresses.
    const advised = (): number =>
      readFileSync('/proc/self/smaps', 'utf8').match(/^VmFlags:.* hg\b/gm)?.length ?? 0
    if (!existsSync('/sys/kernel/mm/transparent_hugepage')) this.skip()
    const before = advised()
    const bytes = new Uint8Array(2 ** 26)
    native.preferHugePages(bytes)
    expect(advised()).to.equal(before + 1)
    // Too little for a single one.
    native.preferHugePages(bytes.subarray(0, 1000))
    native.preferHugePages(new Uint8Array(0))
    expect(bytes[2 ** 26 - 1]).to.equal(0)
    expect(() => { native.preferHugePages(bytes.buffer as never) }).to.throw(TypeError) // prettier-ignore
  })

  it('reserves under a profiler that interrupts all the time', async () => {
    const outcome = await run(
      `const fd = native.createMemory('big', 2 ** 28); native.reserve(fd, 0, 2 ** 28); console.log('done')`,
      ['--cpu-prof', '--cpu-prof-interval', '100', '--cpu-prof-dir', freshPath()]
    )
    expect(outcome.stdout, outcome.stderr).to.equal('done\n')
  })
})

describe('native Mapping', () => {
  const size = 16 * page
  let fd: number
  let mapping: Mapping
  beforeEach(() => {
    fd = native.createMemory('mapping test', size)
    mapping = native.map(fd, size, true)
    closeSync(fd)
  })
  afterEach(() => {
    mapping.close()
  })

  it('shares memory between mappings and descriptors', () => {
    const other = native.createMemory('mapping test', size)
    const writable = native.map(other, size, true)
    const readable = native.map(other, page, false)
    new Uint8Array(writable.view(100, 5)).set(Buffer.from('hello'))
    expect(Buffer.from(readable.view(100, 5)).toString()).to.equal('hello')
    const read = Buffer.alloc(5)
    readSync(other, read, 0, 5, 100)
    expect(read.toString()).to.equal('hello')
    expect([writable.length, readable.length]).to.deep.equal([size, page])
    writable.close()
    readable.close()
    closeSync(other)
  })

  it('refuses what lies outside', () => {
    const file = native.createMemory('mapping test', size)
    for (const length of [size + 1, 2 ** 52, 0, -1, 1.5]) {
      expect(() => native.map(file, length, false), String(length))
        .to.throw(RangeError)
        .with.property('code', 'ERR_OUT_OF_RANGE')
    }
    closeSync(file)
    expect(() => native.map(999_999, 1, false))
      .to.throw()
      .that.includes({ code: 'EBADF', syscall: 'fstat' })
    expect(() => native.map(0, 1, 1 as never)).to.throw(TypeError)
    for (const [offset, length] of [
      [0, size + 1],
      [size, 1],
      [size + 1, 0],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [1, 2 ** 53 - 1]
    ] as const) {
      // prettier-ignore
      expect(() => mapping.view(offset, length), `${String(offset)} ${String(length)}`).to.throw(RangeError)
    }
    expect(mapping.view(0, size).byteLength).to.equal(size)
    expect(mapping.view(size, 0).byteLength).to.equal(0)
  })

  describe('write', () => {
    const big = 2 ** 20
    let bytes: Uint8Array
    let large: Mapping
    beforeEach(() => {
      const file = native.createMemory('mapping test', big)
      large = native.map(file, big, true)
      closeSync(file)
      bytes = new Uint8Array(large.view(0, big))
    })
    afterEach(() => {
      native.detach(bytes.buffer as ArrayBuffer)
      large.close()
    })

    // Copies of 256 KiB and more take another way, by whole cache lines.
    const threshold = 2 ** 18
    for (const length of [0, 1, 63, 64, 1000, threshold - 1, threshold, threshold + 1, threshold + 12_345]) {
      it(`copies ${length} bytes from and to any place, and no other`, () => {
        const source = Uint8Array.from({ length: length + 8 }, (_, i) => (i % 250) + 1)
        for (const [from, to] of [
          [0, 0],
          [1, 0],
          [0, 1],
          [3, 63],
          [8, 4096]
        ] as const) {
          bytes.fill(0)
          const part = source.subarray(from, from + length)
          large.write(to, part)
          expect(Buffer.compare(bytes.subarray(to, to + length), part)).to.equal(0)
          expect([to > 0 ? bytes[to - 1] : 0, bytes[to + length]]).to.deep.equal([0, 0])
        }
      })
    }

    it('copies what overlaps as if it did not', () => {
      for (let i = 0; i < big; i += 1) bytes[i] = i % 251
      const before = bytes.slice()
      large.write(100, bytes.subarray(0, threshold + 5))
      expect(
        Buffer.compare(bytes.subarray(100, threshold + 105), before.subarray(0, threshold + 5))
      ).to.equal(0)
      large.write(0, bytes.subarray(100, threshold + 105))
      expect(Buffer.compare(bytes.subarray(0, threshold + 5), before.subarray(0, threshold + 5))).to.equal(0)
    })

    it('refuses what does not fit, and what are no bytes', () => {
      const ten = new Uint8Array(10)
      for (const offset of [big - 9, big + 1, -1, 0.5])
        expect(() => large.write(offset, ten), String(offset)).to.throw(RangeError)
      large.write(big, new Uint8Array(0))
      for (const wrong of [undefined, 'text', new ArrayBuffer(1), new Float64Array(1), [1]])
        expect(() => large.write(0, wrong as never)).to.throw(TypeError)
    })

    it('refuses a mapping that is closed or read-only', () => {
      const file = native.createMemory('mapping test', page)
      const readable = native.map(file, page, false)
      const closed = native.map(file, page, true)
      closed.close()
      closeSync(file)
      for (const one of [readable, closed]) {
        expect(() => one.write(0, new Uint8Array(1)))
          .to.throw()
          .with.property('code', 'ERR_INVALID_STATE')
      }
      readable.close()
    })
  })

  it('lets views that are given back cause no garbage collections', async () => {
    const outcome = await run(`
      const { PerformanceObserver } = await import('node:perf_hooks')
      const fd = native.createMemory('large', 2 ** 28)
      const mapping = native.map(fd, 2 ** 28, false)
      let collections = 0
      const observer = new PerformanceObserver(list => (collections += list.getEntries().length))
      observer.observe({ entryTypes: ['gc'] })
      for (let i = 0; i < 100; i += 1) {
        const views = Array.from({ length: 5 }, () => mapping.view(0, 2 ** 25))
        for (const view of views) native.detach(view)
        await new Promise(setImmediate)
      }
      console.log(collections < 20 ? 'few' : collections)`)
    expect(outcome.stdout, outcome.stderr).to.equal('few\n')
  })

  it('refuses to write where the descriptor may only be read', () => {
    const file = openSync('/proc/self/exe', 'r')
    expect(() => native.map(file, page, true))
      .to.throw()
      .that.includes({ code: 'EACCES', syscall: 'mmap' })
    native.map(file, page, false).close()
    closeSync(file)
  })

  it('makes views that overlap or are the same, each detached on its own', () => {
    const views = [mapping.view(0, 100), mapping.view(0, 100), mapping.view(0, 50), mapping.view(50, 50)]
    const bytes = views.map(view => new Uint8Array(view))
    bytes[0]?.fill(7)
    expect(bytes.map(array => array[0])).to.deep.equal([7, 7, 7, 7])
    expect(native.detach(views[0] as ArrayBuffer)).to.equal(true)
    expect(native.detach(views[0] as ArrayBuffer)).to.equal(false)
    expect(bytes.map(array => array.length)).to.deep.equal([0, 100, 50, 50])
    expect(bytes[1]?.[99]).to.equal(7)
  })

  it('keeps views usable after it is closed', () => {
    const view = new Uint8Array(mapping.view(0, 10))
    mapping.close()
    mapping.close()
    view.fill(3)
    expect([...view]).to.deep.equal(new Array(10).fill(3))
    expect(() => mapping.view(0, 1))
      .to.throw()
      .with.property('code', 'ERR_INVALID_STATE')
    expect(mapping.length).to.equal(size)
    native.detach(view.buffer)
  })

  it('empties typed arrays over a detached view', () => {
    const view = mapping.view(0, 64)
    const floats = new Float64Array(view, 8, 2)
    const data = new DataView(view)
    expect(native.detach(view)).to.equal(true)
    expect(view.byteLength).to.equal(0)
    expect(floats).to.have.length(0)
    expect(floats[0]).to.equal(undefined)
    expect(() => data.getInt8(0)).to.throw(TypeError)
  })

  it('detaches buffers of the caller, and nothing that is none', () => {
    const own = new ArrayBuffer(8)
    const values = new Int32Array(own)
    native.detachOwn(own)
    native.detachOwn(own)
    expect([own.byteLength, values.length]).to.deep.equal([0, 0])
    for (const wrong of [{}, undefined, new SharedArrayBuffer(8), values]) {
      expect(() => native.detachOwn(wrong as ArrayBuffer)).to.throw(TypeError)
    }
  })

  it('detaches only its own views', () => {
    const empty = mapping.view(0, 0)
    expect([native.detach(empty), native.detach(empty)]).to.deep.equal([true, false])
    for (const foreign of [
      new ArrayBuffer(8),
      Buffer.from('pooled').buffer,
      {},
      undefined,
      new SharedArrayBuffer(8),
      new Uint8Array(mapping.view(0, 8))
    ]) {
      // prettier-ignore
      expect(() => native.detach(foreign as ArrayBuffer)).to.throw(TypeError)
    }
  })

  it('throws TypeError on a wrong receiver', () => {
    const descriptors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(mapping) as object)
    for (const [name, property] of Object.entries(descriptors)) {
      if (name === 'constructor') continue
      for (const receiver of [undefined, 1, {}, new ArrayBuffer(1), Object.create(mapping) as object]) {
        expect(
          () => ((Reflect.get(property, 'get') ?? property.value) as () => unknown).call(receiver),
          name
        ).to.throw(TypeError)
      }
    }
  })

  const maps = `
    import { readFileSync } from 'node:fs'
    import { setImmediate } from 'node:timers/promises'
    const mapped = () => readFileSync('/proc/self/maps', 'utf8').split('memfd:gc').length - 1
    const fd = native.createMemory('gc', 2 ** 20)
    const settle = async wanted => { while (mapped() !== wanted) { gc(); await setImmediate() } console.log(wanted) }
    `

  it('is unmapped when it is closed and the last view is gone', async () => {
    const outcome = await run(
      maps +
        `
      const map = native.map(fd, 2 ** 20, false)
      let a = map.view(0, 100), b = map.view(0, 100), c = map.view(4096, 10)
      map.close()
      await setImmediate(); gc(); await setImmediate()
      console.log(mapped(), a.byteLength)
      native.detach(a)
      native.detach(c)
      await setImmediate(); gc(); await setImmediate()
      console.log(mapped(), b.byteLength)
      b = undefined
      await settle(0)
      // At once when every view is detached, without waiting for any finalizer.
      const again = native.map(fd, 2 ** 20, false)
      const view = again.view(0, 1)
      again.close()
      native.detach(view)
      console.log(mapped())
      // By collection alone.
      for (let i = 0; i < 20; i++) new Uint8Array(native.map(fd, 2 ** 20, true).view(0, 1000)).fill(1)
      console.log(mapped() > 0)
      await settle(0)`,
      ['--expose-gc']
    )
    expect(outcome.stdout, outcome.stderr).to.equal('1 100\n1 100\n0\n0\ntrue\n0\n')
  })

  it('counts right when views are collected and detached in any order', async () => {
    const outcome = await run(
      maps +
        `
      let random = 1
      const next = n => { random = (random * 48271) % 2147483647; return random % n }
      // A function of its own: variables of a module that waits stay alive.
      const round = async () => {
        const map = native.map(fd, 2 ** 20, true)
        let views = []
        for (let step = 0; step < 500; step++) {
          const what = next(10)
          if (what < 6) { const view = map.view(next(3) * 100, 100 + next(2)); new Uint8Array(view)[0] = 9; views.push(view) }
          else if (what < 8 && views.length) native.detach(views.splice(next(views.length), 1)[0])
          else if (views.length) views.splice(next(views.length), 1)
          if (step % 50 === 0) { gc(); await setImmediate() }
        }
        map.close()
        for (const view of views) if (new Uint8Array(view)[0] !== 9) throw new Error('a view was unmapped')
        views = []
      }
      for (let i = 0; i < 20; i++) await round()
      await settle(0)`,
      ['--expose-gc']
    )
    expect(outcome.stdout, outcome.stderr).to.equal('0\n')
  })

  it('detaches a million views without growing', async () => {
    const outcome = await run(`
      import { setImmediate } from 'node:timers/promises'
      const map = native.map(native.createMemory('x', 2 ** 20), 2 ** 20, false)
      const turn = async () => {
        for (let i = 0; i < 1000; i++) native.detach(map.view(0, 1000))
        await setImmediate()
      }
      for (let i = 0; i < 100; i++) await turn()
      const before = process.memoryUsage().rss
      for (let i = 0; i < 1000; i++) await turn()
      const grown = process.memoryUsage().rss - before
      console.log(grown < 64 * 2 ** 20 ? 'bounded' : grown)`)
    const sanitized = process.env['VINEYARD_STREAMS_BUILD'] === 'Debug' // keeps freed memory in quarantine
    expect(outcome.code, outcome.stderr).to.equal(0)
    if (!sanitized) expect(outcome.stdout).to.equal('bounded\n')
  })

  it('ends a process that writes to a read-only view', async () => {
    const outcome = await run(`
      const map = native.map(native.createMemory('x', 4096), 4096, false)
      new Uint8Array(map.view(0, 10))[0] = 1
      console.log('still here')`)
    expect(outcome.stdout).to.equal('')
    expect(outcome.code).to.not.equal(0)
  })
})
