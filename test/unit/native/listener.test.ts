import { existsSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { type Channel, native } from '#dist/native.js'
import { descriptors, freshPath, Recorder, run, Server, until } from './support.js'

describe('native listen and connect', () => {
  const ignore = (): void => undefined
  const listen = (path: string): ReturnType<typeof native.listen> =>
    native.listen(path, 8, 1000, ignore, ignore)

  it('creates the socket with mode 0600, whatever the umask', () => {
    for (const umask of [0, 0o022, 0o077, 0o777]) {
      const path = freshPath()
      const before = process.umask(umask)
      let listener
      try {
        listener = listen(path)
      } finally {
        process.umask(before)
      }
      expect((statSync(path).mode & 0o777).toString(8), umask.toString(8)).to.equal('600')
      listener.close()
    }
  })

  it('leaves the path in place when it is closed, and can be closed twice', () => {
    const path = freshPath()
    const listener = listen(path)
    listener.close()
    listener.close()
    listener.ref()
    listener.unref()
    expect(existsSync(path)).to.equal(true)
    unlinkSync(path)
    listen(path).close()
  })

  it('says what failed, like Node', () => {
    const before = descriptors().length
    const taken = freshPath()
    const listener = listen(taken)
    const file = freshPath()
    writeFileSync(file, '')
    const dead = freshPath()
    listen(dead).close()
    const long = dirname(freshPath()) + '/'
    const of = (length: number): string => long + 'x'.repeat(length - long.length)
    const failures: [() => unknown, string, string, string][] = [
      [() => listen(taken), 'EADDRINUSE', 'bind', taken],
      [() => listen(file), 'EADDRINUSE', 'bind', file],
      [() => listen('/nowhere/at/all'), 'ENOENT', 'bind', '/nowhere/at/all'],
      [() => listen(of(108)), 'ENAMETOOLONG', 'bind', of(108)],
      [() => native.connect(of(108), 10), 'ENAMETOOLONG', 'connect', of(108)],
      [() => native.connect('/nowhere/at/all', 10), 'ENOENT', 'connect', '/nowhere/at/all'],
      [() => native.connect(dead, 10), 'ECONNREFUSED', 'connect', dead],
      [() => native.connect(file, 10), 'ECONNREFUSED', 'connect', file]
    ]
    for (const [call, code, syscall, path] of failures) {
      expect(call)
        .to.throw(Error, `${syscall} ${code}: `)
        .that.includes({ code, syscall, path })
        .and.has.property('errno')
        .that.is.below(0)
    }
    const longest = listen(of(107))
    const channel = native.connect(of(107), 10)
    channel.close()
    longest.close()
    listener.close()
    expect(descriptors()).to.have.length(before)
  })

  it('refuses a connection when the backlog is full', () => {
    const path = freshPath()
    const listener = native.listen(path, 1, 1000, ignore, ignore)
    const channels: Channel[] = []
    expect(() => {
      for (let i = 0; i < 10; i++) channels.push(native.connect(path, 1000))
    })
      .to.throw()
      .with.property('code', 'EAGAIN')
    expect(channels).to.have.length(2)
    for (const channel of channels) channel.close()
    listener.close()
  })

  it('refuses wrong arguments', () => {
    const path = freshPath()
    const calls: [() => unknown, ErrorConstructor, string][] = [
      [() => native.connect(1 as never, 1), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => native.connect('', 1), TypeError, 'ERR_INVALID_ARG_VALUE'],
      [() => native.connect('/tmp/x\0y', 1), TypeError, 'ERR_INVALID_ARG_VALUE'],
      [() => native.connect(path, '1' as never), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => native.connect(path, -1), RangeError, 'ERR_OUT_OF_RANGE'],
      [() => native.connect(path, NaN), RangeError, 'ERR_OUT_OF_RANGE'],
      [() => native.listen('', 1, 1, ignore, ignore), TypeError, 'ERR_INVALID_ARG_VALUE'],
      [() => native.listen(path, 0.5, 1, ignore, ignore), RangeError, 'ERR_OUT_OF_RANGE'],
      [() => native.listen(path, 1, 1, undefined as never, ignore), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => native.listen(path, 1, 1, ignore, undefined as never), TypeError, 'ERR_INVALID_ARG_TYPE']
    ]
    for (const [call, type, code] of calls)
      expect(call, call.toString()).to.throw(type).with.property('code', code)
    expect(existsSync(path)).to.equal(false)
  })

  it('can be closed inside onConnection', async () => {
    const path = freshPath()
    const accepted: Channel[] = []
    const listener = native.listen(
      path,
      8,
      1000,
      channel => {
        accepted.push(channel)
        listener.close()
      },
      ignore
    )
    const near = [native.connect(path, 1000), native.connect(path, 1000)]
    const recorders = near.map(channel => new Recorder(channel))
    await until(() => accepted.length === 1)
    // The second was never accepted: the kernel ends it with the listener.
    await recorders[1]?.closed()
    accepted[0]?.close()
    await recorders[0]?.closed()
  })

  it('accepts a flood', async () => {
    const server = new Server()
    const near = Array.from({ length: 100 }, () => native.connect(server.path, 1000))
    await until(() => server.accepted.length === 100)
    for (const channel of near) channel.close()
    server.close()
  })

  it('survives the want of descriptors: one report, and connections are taken when there are some again', async () => {
    const outcome = await run(
      `
      import { closeSync, openSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      let accepted = 0
      const errors = []
      const listener = native.listen(path, 8, 1000, channel => { accepted++; channel.close() }, error => errors.push(error))
      const near = native.connect(path, 1000)
      const hoard = []
      try { for (;;) hoard.push(openSync('/dev/null')) } catch {}
      while (errors.length === 0) await setTimeout(1)
      const usage = process.cpuUsage()
      await setTimeout(500)
      const { user, system } = process.cpuUsage(usage)
      for (const fd of hoard) closeSync(fd)
      while (accepted === 0) await setTimeout(1)
      near.close()
      listener.close()
      console.log(errors.map(error => error.code + ' ' + error.syscall).join(), user + system < 400_000 ? 'calm' : 'spinning')`,
      [],
      ['sh', '-c', 'ulimit -n 100; exec "$@"', 'sh']
    )
    expect(outcome.stdout, outcome.stderr).to.equal('EMFILE accept calm\n')
  })

  it('keeps the process alive while it is referenced', async () => {
    const source = `const listener = native.listen(path, 1, 1000, () => {}, () => {})\n`
    const alive = await run(
      source + `setTimeout(() => { console.log('alive'); listener.close() }, 200).unref()`
    )
    expect(alive).to.include({ code: 0, stdout: 'alive\n' })
    const gone = await run(
      source + `setTimeout(() => { console.log('alive') }, 30_000).unref()\nlistener.unref()`
    )
    expect(gone).to.include({ code: 0, stdout: '' })
  })
})
