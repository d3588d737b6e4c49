import { PythonScript } from '../support/python.js'
import { onEachServer, type Bench } from '../support/subjects.js'
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
class PythonSession {
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
    readonly session = new PythonSession()
  ) {}

  call<T = any>(name: string, args: object = {}): Promise<T> {
    return this.session.call<T>(this.bench.server.socket, name, args)
  }
}

/** Declares a suite once for every server, all with the same Python process. */
export function withPython(title: string, size: string, suite: (bench: Bench, python: Python) => void): void {
  describe(title, () => {
    const session = new PythonSession()
    before(function () {
      needsVineyard(this)
    })
    after(() => session.kill())
    onEachServer('with Python', size, bench => {
      afterEach(() => session.settle())
      suite(bench, new Python(bench, session))
    })
  })
}
