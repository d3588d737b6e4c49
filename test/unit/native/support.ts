import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Channel, type ChannelMessage, type Listener, native, type NativeError } from '#dist/native.js'

/** The repository; this file runs from build/test/unit/native. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url))
export const binary = join(
  root,
  `native/build/${process.env['VINEYARD_STREAMS_BUILD'] === 'Debug' ? 'Debug' : 'Release'}/vineyard_streams.node`
)

const directory = mkdtempSync(join(tmpdir(), 'vineyard-native-'))
process.on('exit', () => {
  rmSync(directory, { recursive: true, force: true })
})
let paths = 0

export function freshPath(): string {
  return join(directory, `${String(++paths)}.sock`)
}

/** Two full turns of the event loop: whatever was in a socket before has been read after. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Waits for a condition that no event announces; mocha's timeout is the watchdog. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 1))
}

/** What the descriptors of this process refer to, sockets and shared memory only: others come and go with Node. */
export function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map(fd => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return '' // the directory itself, closed by now
      }
    })
    .filter(target => target.startsWith('socket:') || target.includes('memfd:'))
}

/** Starts a channel and keeps what it reports. */
export class Recorder {
  readonly batches: ChannelMessage[][] = []
  readonly closes: (NativeError | null)[] = []
  readonly partials: number[] = []
  drains = 0

  constructor(
    readonly channel: Channel,
    readonly onMessages: (messages: ChannelMessage[]) => void = () => undefined
  ) {
    channel.start({
      onMessages: messages => {
        this.batches.push(messages)
        this.onMessages(messages)
      },
      onDrain: () => {
        this.drains++
      },
      onClose: error => {
        this.closes.push(error)
      },
      onPartial: bytes => {
        this.partials.push(bytes)
      }
    })
  }

  get messages(): ChannelMessage[] {
    return this.batches.flat()
  }

  async received(count: number): Promise<ChannelMessage[]> {
    await until(() => this.messages.length >= count || this.closes.length > 0)
    return this.messages
  }

  async closed(): Promise<NativeError | null> {
    await until(() => this.closes.length > 0)
    return this.closes[0] ?? null
  }
}

/** A listener for one test. */
export class Server {
  readonly path = freshPath()
  readonly accepted: Channel[] = []
  readonly errors: NativeError[] = []
  readonly listener: Listener

  constructor(readonly maxFrame = 2 ** 28) {
    this.listener = native.listen(
      this.path,
      128,
      maxFrame,
      channel => this.accepted.push(channel),
      error => this.errors.push(error)
    )
  }

  async accept(): Promise<Channel> {
    await until(() => this.accepted.length > 0)
    return this.accepted.shift() as Channel
  }

  /** Both ends of a connection, not started. */
  async pair(): Promise<[Channel, Channel]> {
    const near = native.connect(this.path, this.maxFrame)
    return [near, await this.accept()]
  }

  /** A channel whose other end is a plain socket of Node, to send any bytes. */
  async raw(): Promise<[Socket, Channel]> {
    const socket = connectSocket(this.path)
    await once(socket, 'connect')
    return [socket, await this.accept()]
  }

  close(): void {
    this.listener.close()
    for (const channel of this.accepted) channel.close()
  }
}

export function frame(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as string)
  const header = Buffer.alloc(8)
  header.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([header, bytes])
}

const PYTHON_SENDER = `
import json, os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
for line in sys.stdin:
    message = json.loads(line)
    fds = [os.open('/dev/null', os.O_RDONLY) for _ in range(message.get('fds', 0))]
    data = bytes.fromhex(message['bytes'])
    if fds: socket.send_fds(peer, [data], fds)
    else: peer.sendall(data)
    for fd in fds: os.close(fd)
    print('sent', flush=True)
`

/** A peer that can attach any number of descriptors to any bytes, which a Channel never does. */
export class HostilePeer {
  readonly #child: ChildProcess

  constructor(path: string) {
    this.#child = spawn('python3', ['-c', PYTHON_SENDER, path], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // The sanitizer's runtime is for Node.
      env: { ...process.env, LD_PRELOAD: '' }
    })
  }

  async send(bytes: Uint8Array, fds = 0): Promise<void> {
    const answered = once(this.#child.stdout as NodeJS.EventEmitter, 'data')
    this.#child.stdin?.write(JSON.stringify({ bytes: Buffer.from(bytes).toString('hex'), fds }) + '\n')
    await answered
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await exited
  }
}

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs a module in a Node of its own. It finds the addon as `native` and a fresh socket path as `path`. */
export async function run(
  source: string,
  nodeOptions: string[] = [],
  prefix: string[] = []
): Promise<Outcome> {
  const module = `import { native } from '#dist/native.js'\nconst path = ${JSON.stringify(freshPath())}\n${source}`
  const command = [...prefix, process.execPath, ...nodeOptions, '--input-type=module', '-e', module]
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, stdout, stderr }
}
