/** Thrown for bytes that are not an Arrow IPC stream. */
export class IpcError extends Error {}
