"""One end of a stream with the Python client, as processes/stream-end.ts is one with a Node driver."""

import json
import sys
import time

import numpy as np
import pyarrow as pa
import vineyard
from ends import connect, tell
from vineyard import ObjectID
from vineyard.core.builder import default_builder_context
from vineyard.core.resolver import default_resolver_context

vineyard.data.register_builtin_types(default_builder_context, default_resolver_context)


def make_batch(rows, columns, number):
    """The same values as makeBatch in data/batches.ts."""
    index = np.arange(number, number + rows)
    arrays = {
        'int': pa.array(index),
        'float': pa.array(number + np.arange(rows) / 2),
        'bool': pa.array(index % 3 == 0),
    }
    if columns == 'strings':
        places = np.arange(rows)
        arrays['maybe'] = pa.array(places.astype('float64'), mask=places % 5 == 1)
        arrays['text'] = pa.array([f'row {value}' for value in index])
        arrays['note'] = pa.array([None if row % 4 == 1 else 'é' * (row % 7) for row in range(rows)])
    return pa.RecordBatch.from_pydict(arrays)


def make_chunk(work, number):
    if work['stream'] == 'byte':
        return number.to_bytes(4, 'little') + bytes([number % 255 + 1]) * (work['size'] - 4)
    return make_batch(work['size'], work.get('columns', 'numbers'), number)


class ObjectSender:
    """
    Nothing holds a producer of objects back, and a put that fails for want of memory leaks what it had: so this one looks
    now and then how far the consumer has come, as a careful user would. A chunk that was pulled is gone with the next pull.
    """

    def __init__(self, work):
        self.window = max(4, min(64, 128 * 2**20 // work['bytes']))
        self.pushed = []

    def __call__(self, client, writer, chunk):
        if len(self.pushed) >= self.window:
            half = len(self.pushed) // 2
            while client.exists(self.pushed[half]):
                time.sleep(0.0005)
            del self.pushed[: half + 1]
        chunk_id = client.put(chunk)
        # Over TCP it answers with the metadata.
        chunk_id = getattr(chunk_id, 'id', chunk_id)
        writer.append(chunk_id)
        self.pushed.append(chunk_id)


def write_bytes(_client, writer, chunk):
    vineyard.memory_copy(writer.next(len(chunk)), chunk)


def write_frame(_client, writer, chunk):
    writer.write(chunk)


senders = {'recordbatch': ObjectSender, 'byte': lambda _: write_bytes, 'dataframe': lambda _: write_frame}


def produce(client, stream, work, distinct):
    chunks = [make_chunk(work, number) for number in range(distinct)]
    writer = stream.open_writer(client)
    send = senders[work['stream']](work)
    while True:
        for chunk in chunks:
            send(client, writer, chunk)


def number_of(chunk):
    if isinstance(chunk, memoryview):
        return int.from_bytes(chunk[:4], 'little')
    return chunk.column(0)[0].as_py()


def next_chunk(client, reader):
    if client.has_ipc_client():
        return reader.next()
    # Over TCP the reader fetches no chunks: it only names them.
    return client.get(reader.next_metadata().id)


def consume(client, stream, work, distinct):
    reader = stream.open_reader(client)
    tell('listening')
    count = 0
    started = begun = 0.0
    while True:
        number = number_of(next_chunk(client, reader))
        if number != count % distinct:
            raise RuntimeError(f'chunk {count} has the number {number}')
        count += 1
        now = time.perf_counter()
        started = started or now
        if not begun:
            if (now - started) * 1000 >= work['warmUp']:
                begun, first = now, count
        elif (now - begun) * 1000 >= work['measure']:
            rate = (count - first) / (now - begun)
            tell({'chunksPerSecond': rate, 'bytesPerSecond': rate * work['bytes']})
            return


def main():
    job = json.loads(sys.argv[1])
    client = connect(job['addresses'][0]['server'])
    stream = client.get(ObjectID(job['addresses'][0]['stream']))
    end = produce if job['role'] == 'producer' else consume
    end(client, stream, job['work'], job['distinct'])


main()
