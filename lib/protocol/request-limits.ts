/*
 * What one request to the embedded store may ask for. Everybody else waits while it is handled, so each limit is what takes
 * about half a second at most; a client of this package divides what it can divide. A vineyardd has no such limits.
 */

/** Elements of any list, mostly ids. 131,072 objects of 10 blobs each take 0.4 s to delete. */
export const maxElements = 131_072

/** Blobs that are made or looked at: each has 0.4 KiB of reply. */
export const maxBlobs = 65_536

/** Objects that are made. */
export const maxObjects = 32_768

/** Fields of an object, members included. */
export const maxFields = 102_400

/** Sizes that memory in advance is wanted of. A writer asks for as many as its chunks have. */
export const maxSlotSizes = 64
