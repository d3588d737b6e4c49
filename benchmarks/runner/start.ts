import { fork, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Child } from './child.js'
import { profiled } from './profile.js'
import { python } from './servers.js'

/** A program of benchmarks/processes. `name` is what errors and profiles call it, `job` what it gets. */
export function startNode(program: string, name: string, job: unknown): Child {
  const path = fileURLToPath(new URL(`../processes/${program}.js`, import.meta.url))
  const process = fork(path, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: profiled(name)
  })
  const child = new Child(name, process)
  process.on('message', message => child.told(message))
  process.send(job as object)
  return child
}

/** A script of benchmarks/python, which tells lines of JSON and gets its job as an argument. */
export function startPython(script: string, name: string, job: unknown): Child {
  const path = fileURLToPath(new URL(`../../../benchmarks/python/${script}.py`, import.meta.url))
  const process = spawn(python, [path, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const child = new Child(name, process)
  createInterface({ input: process.stdout }).on('line', line => child.told(JSON.parse(line)))
  return child
}
