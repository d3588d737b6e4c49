import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

interface Reply {
  id?: number
  result?: any
  error?: { message: string }
}

/** A page in a headless chromium, by the DevTools protocol over pipes: JSON messages that end with a zero byte. */
export class BrowserPage {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (result: any) => void; reject: (error: Error) => void }>()
  #number = 0
  #session: string | undefined
  #text = ''

  private constructor(profile: string) {
    const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--window-size=1280,900']
    this.#child = spawn('chromium', [...options, `--user-data-dir=${profile}`, '--remote-debugging-pipe', 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }) // prettier-ignore
    const replies = this.#child.stdio[4] as Readable
    replies.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'))
    })
  }

  /** `profile` is a folder for what the browser keeps. */
  static async open(url: string, profile: string): Promise<BrowserPage> {
    const page = new BrowserPage(profile)
    const { targetId } = await page.#call('Target.createTarget', { url })
    const { sessionId } = await page.#call('Target.attachToTarget', { targetId, flatten: true })
    page.#session = sessionId as string
    return page
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<any> {
    const { result } = await this.#call('Runtime.evaluate', { expression, returnByValue: true })
    return result.value
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.#call('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data as string, 'base64')
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  #call(method: string, params: object): Promise<any> {
    this.#number += 1
    const id = this.#number
    const sessionId = this.#session
    const message = { id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }
    ;(this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #receive(text: string): void {
    const parts = (this.#text + text).split('\0')
    this.#text = parts.pop() as string
    for (const part of parts) {
      const { id, result, error } = JSON.parse(part) as Reply
      const waiting = this.#waiting.get(id ?? 0)
      this.#waiting.delete(id ?? 0)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error.message))
    }
  }
}
