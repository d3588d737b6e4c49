"""The example of "Streams in Vineyard", in two processes. What differs from the page is what this wheel needs."""

from typing import List

import numpy as np
import pandas as pd
import vineyard
from values import describe
from vineyard.io.recordbatch import RecordBatchStream


def generate_random_dataframe(dtypes, size):
    columns = dict()
    for k, v in dtypes.items():
        # The page's numbers from 0 to 1 are all 0 as int and all True as bool.
        columns[k] = (np.random.randint(0, 3, size) * np.random.random(size) * 100).astype(v)
    return pd.DataFrame(columns)


def producer(vineyard_client, stream: RecordBatchStream, total_chunks, dtypes, produced: List):
    writer = stream.open_writer(vineyard_client)
    for idx in range(total_chunks):
        chunk = generate_random_dataframe(dtypes, 2)  # np.random.randint(10, 100))
        chunk_id = vineyard_client.put(chunk)
        writer.append(chunk_id)
        produced.append((chunk_id, chunk))
    writer.finish()


def consumer(vineyard_client, stream: RecordBatchStream, consumed: List):
    reader = stream.open_reader(vineyard_client)
    index = 0
    while True:
        try:
            chunk = reader.next()
            consumed.append(describe(chunk))
        except StopIteration:
            break
        index += 1


def new_stream(vineyard_client):
    return repr(RecordBatchStream.new(vineyard_client).id)


def produce(vineyard_client, stream, total_chunks):
    dtypes = {
        'a': np.dtype('int'),
        'b': np.dtype('float'),
        'c': np.dtype('bool'),
    }
    produced = []
    producer(vineyard_client, vineyard_client.get(vineyard.ObjectID(stream)), total_chunks, dtypes, produced)
    return [describe(chunk) for _, chunk in produced]


def consume(vineyard_client, stream):
    consumed = []
    consumer(vineyard_client, vineyard_client.get(vineyard.ObjectID(stream)), consumed)
    return consumed
