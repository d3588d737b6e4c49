/** What a server says of its memory and connections. Sizes are bytes. */
export interface Status {
  /** The server's number in its cluster. */
  instanceId: number | bigint
  /** 'local', or 'distributed' for a vineyardd with etcd. */
  deployment: string
  /** Sum of the requested sizes of all blobs whose memory is in use. On a store these are also deleted ones that are held. */
  memoryUsage: number
  /** Bytes of the whole pool. */
  memoryLimit: number
  /** Connections over the Unix socket. */
  ipcConnections: number
  /** Connections over TCP. */
  rpcConnections: number
  /** Requests that wait for an object or a name. */
  deferredRequests: number
}
