"""Both ends of a stream."""

import numpy as np
import pandas as pd
import pyarrow as pa
import vineyard
from values import checksum, describe, seed_columns
from vineyard import ObjectID
from vineyard.io.byte import ByteStream
from vineyard.io.dataframe import DataframeStream
from vineyard.io.recordbatch import RecordBatchStream

kinds = {kind.__name__: kind for kind in (ByteStream, DataframeStream, RecordBatchStream)}
# The read mark and the write mark can be taken once.
readers = {}
writers = {}


def find(client, stream):
    return client.get(ObjectID(stream))


def reader_of(client, stream):
    if stream not in readers:
        readers[stream] = find(client, stream).open_reader(client)
    return readers[stream]


def writer_of(client, stream):
    if stream not in writers:
        writers[stream] = find(client, stream).open_writer(client)
    return writers[stream]


def new(client, kind, params=None, name=None):
    stream = kinds[kind].new(client, params)
    if name is not None:
        client.persist(stream.id)
        client.put_name(stream.id, name)
    return repr(stream.id)


def by_name(client, name):
    stream = client.get(client.get_name(name))
    return {'id': repr(stream.id), 'type': type(stream).__name__, 'params': stream.params}


def open_reader(client, stream):
    reader_of(client, stream)


def read(client, stream, limit=None, look=describe):
    """Chunks up to `limit`, or to the end and the exception that it is. A chunk is looked at before the next is pulled."""
    reader = reader_of(client, stream)
    chunks = []
    while limit is None or len(chunks) < limit:
        try:
            chunk = reader.next()
        except (StopIteration, vineyard.StreamFailedException) as end:
            return {'chunks': chunks, 'end': type(end).__name__}
        chunks.append(look(chunk))
    return {'chunks': chunks, 'end': None}


def checksums(client, stream, limit=None):
    return read(client, stream, limit, checksum)


def kept_checksums(client, stream):
    """Checksums that are made when all chunks have been read."""
    reader = reader_of(client, stream)
    kept = []
    while True:
        try:
            kept.append(reader.next())
        except StopIteration:
            return [checksum(chunk) for chunk in kept]


def checksums_of(_client, first, count, rows):
    """What `checksums` must find of the batches that `produce` appends."""
    return [checksum(pd.DataFrame(seed_columns(seed, rows))) for seed in range(first, first + count)]


def append(client, stream, chunks):
    """Appends values that are given as Python expressions."""
    writer = writer_of(client, stream)
    for chunk in chunks:
        writer.append(client.put(evaluate(chunk)))


def write(client, stream, chunks):
    """The same for the streams whose writers take the values themselves."""
    writer = writer_of(client, stream)
    for chunk in chunks:
        writer.write(evaluate(chunk))


def write_table(client, stream, table):
    writer_of(client, stream).write_table(evaluate(table))


def write_blobs(client, stream, chunks):
    """Bytes straight into chunks of a ByteStream."""
    writer = writer_of(client, stream)
    for chunk in chunks:
        data = evaluate(chunk)
        vineyard.memory_copy(writer.next(len(data)), data)


def append_ipc(client, stream, chunks):
    """Blobs with Arrow IPC streams as pyarrow's writer makes them; `steps` are statements about that writer, w."""
    writer = writer_of(client, stream)
    for chunk in chunks:
        sink = pa.BufferOutputStream()
        options = eval(f'pa.ipc.IpcWriteOptions({chunk.get("options", "")})', {'pa': pa})  # pylint: disable=eval-used
        with pa.ipc.new_stream(sink, pa.schema(evaluate(chunk['schema'])), options=options) as w:
            exec(chunk.get('steps', ''), {'pa': pa, 'w': w})  # pylint: disable=exec-used
        writer.append(client.put(sink.getvalue().to_pybytes()))


def produce(client, stream, first, count, rows, frames=False):
    """Appends batches `first` to `first + count` of the numbered ones that both languages can make."""
    writer = writer_of(client, stream)
    for seed in range(first, first + count):
        columns = seed_columns(seed, rows)
        chunk = pd.DataFrame(columns) if frames else pa.RecordBatch.from_pydict(columns)
        writer.append(client.put(chunk))


def finish(client, stream):
    writer_of(client, stream).finish()


def fail(client, stream):
    writer_of(client, stream).fail()


def evaluate(expression):
    return eval(expression, {'np': np, 'pd': pd, 'pa': pa})  # pylint: disable=eval-used
