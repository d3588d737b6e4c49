import type { ServerResponse } from 'node:http'
import type { StoreSnapshot } from '../../protocol/snapshot.js'
import { fixed, type Pages } from './endpoint.js'
import { html, script, style } from './page.js'

/** How often browsers get a new snapshot, in ms. */
const interval = 500

/** The page, and what it is fed with as server-sent events. Nothing is computed while nobody looks. */
export function uiPages(snapshot: () => StoreSnapshot): Pages {
  const viewers = new Set<ServerResponse>()
  let timer: NodeJS.Timeout | undefined
  const send = (): void => {
    const text = `data: ${JSON.stringify(snapshot())}\n\n`
    for (const viewer of viewers) {
      // One that does not keep up misses some.
      if (viewer.writableLength < text.length) viewer.write(text)
    }
  }
  return {
    '/': fixed('text/html', html),
    '/page.js': fixed('text/javascript', script),
    '/page.css': fixed('text/css', style),
    '/snapshot': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(snapshot()))
    },
    '/events': (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      viewers.add(response)
      timer ??= setInterval(send, interval).unref()
      response.once('close', () => {
        viewers.delete(response)
        if (viewers.size > 0) return
        clearInterval(timer)
        timer = undefined
      })
      send()
    }
  }
}
