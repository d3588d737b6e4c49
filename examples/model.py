"""Fits a line to each batch of a stream and writes it, with the predictions, into another stream."""

import sys

import numpy as np
import pyarrow as pa
import vineyard
from vineyard.core.builder import default_builder_context
from vineyard.core.resolver import default_resolver_context

vineyard.data.register_builtin_types(default_builder_context, default_resolver_context)

socket, source, target = sys.argv[1:]
client = vineyard.connect(socket)
reader = client.get(vineyard.ObjectID(source)).open_reader(client)
# An end that waits blocks its connection: the other one has its own.
other = vineyard.connect(socket)
writer = other.get(vineyard.ObjectID(target)).open_writer(other)
while True:
    try:
        batch = reader.next()
    except StopIteration:
        break
    low = batch.column('temp_min').to_numpy()
    high = batch.column('temp_max').to_numpy()
    slope, offset = np.polyfit(low, high, 1)
    predicted = pa.array(slope * low + offset)
    writer.append(other.put(pa.record_batch([pa.array(high), predicted], names=['temp_max', 'predicted'])))
writer.finish()
