import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type VineyardError } from 'vineyard-streams'
import { comesUp } from './comes-up.js'
import { startServer, freePort, programs, type Server } from './servers.js'
import { socketPath } from './socket-path.js'

/** Several real vineyardd that find each other with an etcd. */
export interface Cluster {
  instances: readonly Server[]
  close: () => Promise<void>
}

/** All on loopback: what goes from one instance to another goes over TCP, but over no wire. */
export async function startCluster(count: number): Promise<Cluster> {
  const etcd = await startEtcd()
  const instances: Server[] = []
  const close = async (): Promise<void> => {
    await Promise.all(instances.map(instance => instance.close()))
    await etcd.close()
  }
  try {
    for (let index = 0; index < count; index += 1) {
      const instance = await startServer('vineyardd', { rpc: true, etcd: etcd.url })
      instances.push(instance)
      await letsIn(instance.socket)
      await letsIn(instance.endpoint as string)
    }
    return { instances, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Nothing tells when a vineyardd, which accepts connections before, keeps them: until it has found its etcd it closes them. */
async function letsIn(address: string): Promise<void> {
  for (;;) {
    try {
      const client = await connect(address)
      await client.clusterMeta()
      await client.close()
      return
    } catch (error) {
      if ((error as VineyardError).code !== 'ERR_VINEYARD_CONNECTION_LOST') throw error
      await delay(10)
    }
  }
}

async function startEtcd(): Promise<{ url: string; close: () => Promise<void> }> {
  const { path, remove } = socketPath()
  const [url, peers] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  const options = ['--data-dir', path, '--unsafe-no-fsync', '--logger', 'zap', '--log-outputs', 'stderr']
  const clients = ['--listen-client-urls', url, '--advertise-client-urls', url]
  const others = ['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers]
  const child = spawn(
    programs().etcd,
    [...options, ...clients, ...others, '--initial-cluster', `default=${peers}`],
    {
      stdio: ['ignore', 'ignore', 'pipe']
    }
  )
  const exited = once(child, 'exit')
  await comesUp(child, log => /ready to serve client requests|serving client traffic/.test(log))
  return {
    url,
    async close() {
      child.kill('SIGKILL')
      await exited
      remove()
    }
  }
}
