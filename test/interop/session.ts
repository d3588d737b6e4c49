import { PythonScript } from '../support/python.js'
import { onEachEndpoint, onEachServer, type Bench } from '../support/subjects.js'
import { needsVineyard } from '../support/vineyardd.js'

/** An exception that a function raised in Python. */
class PythonError extends Error {
  constructor(
    /** Name of its class. */
    readonly type: string,
    traceback: string
  ) {
    super(traceback)
  }
}

type Answer = { value: unknown } | { error: string; traceback: string }

/**
 * Calls functions of test/interop/python, one after the other, in one process that has a client for each server.
 * Starting Python costs a second, so a session lasts for a suite; a process that got stuck is replaced.
 */
export class PythonSession {
  #script: PythonScript | undefined
  #pending = 0

  /** Calls `module.function`. Rejects with a PythonError if it raises. */
  async call<T = any>(socket: string, name: string, args: object): Promise<T> {
    this.#script ??= new PythonScript('session.py')
    this.#pending += 1
    this.#script.send({ call: name, socket, args })
    const answer = (await this.#script.receive()) as Answer
    this.#pending -= 1
    if ('error' in answer) throw new PythonError(answer.error, answer.traceback)
    return answer.value as T
  }

  /** Ends a process in which a call of the last test is still waiting, or which has died. */
  async settle(): Promise<void> {
    if (this.#pending > 0) await this.kill()
  }

  async kill(): Promise<void> {
    const script = this.#script
    this.#script = undefined
    this.#pending = 0
    await script?.kill()
  }
}

/** A Python process with a client of a suite's server. */
export class Python {
  constructor(
    readonly bench: Bench,
    readonly session = new PythonSession(),
    /** Whether it connects over TCP. */
    readonly remote = false
  ) {}

  call<T = any>(name: string, args: object = {}): Promise<T> {
    const { socket, endpoint } = this.bench.server
    return this.session.call<T>(this.remote ? (endpoint as string) : socket, name, args)
  }
}

type Suite = (bench: Bench, python: Python) => void

/** Declares a suite once for every server, all with the same Python process. */
export function withPython(title: string, size: string, suite: Suite): void {
  inSession(title, session => onEachServer('with Python', size, benchOf(session, suite)))
}

/** The same, and once for every server with Node connected over TCP. */
export function withPythonFromAfar(title: string, size: string, suite: Suite): void {
  inSession(title, session => {
    onEachServer('with Python', size, benchOf(session, suite))
    onEachEndpoint('with Python, Node over TCP,', size, true, benchOf(session, suite))
  })
}

/**
 * The same, and once with Python connected over TCP. Its client can do little with streams there: it has no
 * `next_buffer_chunk`, and ends the process when it looks at the columns of a chunk.
 */
export function withPythonEveryWay(title: string, size: string, suite: Suite): void {
  inSession(title, session => {
    onEachServer('with Python', size, benchOf(session, suite))
    onEachEndpoint('with Python, Node over TCP,', size, true, benchOf(session, suite))
    onEachEndpoint('with Python over TCP', size, false, benchOf(session, suite, true))
  })
}

function benchOf(session: PythonSession, suite: Suite, remote = false): (bench: Bench) => void {
  return bench => {
    afterEach(() => session.settle())
    suite(bench, new Python(bench, session, remote))
  }
}

function inSession(title: string, declare: (session: PythonSession) => void): void {
  describe(title, () => {
    const session = new PythonSession()
    before(function () {
      needsVineyard(this)
    })
    after(() => session.kill())
    declare(session)
  })
}
