"""Puts and gets blobs over TCP with the Python client, as processes/blob-end.ts does with this package."""

import json
import random
import sys
import time

from ends import connect, tell
from vineyard._C import RemoteBlobBuilder


def main():
    job = json.loads(sys.argv[1])
    size, seed = job['bytes'], random.Random(1)
    client = connect(job['server'])
    client.compression = job['compression']
    data = bytearray(seed.randbytes(size // 2) + bytes(size - size // 2))

    def rates(milliseconds):
        times = {'put': 0.0, 'get': 0.0}
        count, end = 0, time.perf_counter() + milliseconds / 1000
        while time.perf_counter() < end:
            data[:4] = count.to_bytes(4, 'little')
            # Filling the builder is not counted: a careful user writes into it in the first place.
            builder = RemoteBlobBuilder(size)
            builder.copy(0, bytes(data))
            begun = time.perf_counter()
            blob = client.create_remote_blob(builder)
            put = time.perf_counter()
            got = client.get_remote_blob(blob.id)
            times['get'] += time.perf_counter() - put
            times['put'] += put - begun
            if len(got) != size or int.from_bytes(memoryview(got)[:4], 'little') != count:
                raise RuntimeError(f'blob {count} is not what was put')
            client.delete(blob.id)
            count += 1
        return {f'{what}BytesPerSecond': count * size / took for what, took in times.items()}

    rates(job['warmUp'])
    tell(rates(job['measure']))


main()
