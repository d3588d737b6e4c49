"""What a value is, as JSON: its type and what it holds."""

import math
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa

EXACT = 2**53


def plain(value):
    """JavaScript reads JSON numbers as doubles, and JSON has no NaN."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if -EXACT < int(value) < EXACT else str(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (np.datetime64, np.timedelta64, pd.Timestamp, pd.Timedelta)):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    return value if value is None else value if isinstance(value, str) else str(value)


def column(array):
    """Values of an Arrow array; times as the numbers they are."""
    if pa.types.is_temporal(array.type):
        array = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64())
    return plain(array.to_pylist())


def describe(value):
    kind = type(value)
    # Arrays are of a class of vineyard's that extends numpy's.
    array = isinstance(value, np.ndarray)
    answer = {'type': 'numpy.ndarray' if array else kind.__module__ + '.' + kind.__qualname__}
    if isinstance(value, (pa.RecordBatch, pa.Table)):
        answer['schema'] = {field.name: str(field.type) for field in value.schema}
        answer['columns'] = {name: column(value.column(name)) for name in value.schema.names}
        answer['rows'] = value.num_rows
    elif isinstance(value, pd.DataFrame):
        answer['schema'] = {str(name): str(dtype) for name, dtype in value.dtypes.items()}
        answer['columns'] = {str(name): plain(value[name].tolist()) for name in value.columns}
        answer['rows'] = len(value)
        answer['index'] = plain(value.index.tolist())
    elif array:
        answer.update(dtype=str(value.dtype), shape=list(value.shape), values=plain(value))
    elif isinstance(value, tuple):
        answer['values'] = [describe(item) for item in value]
    else:
        answer['value'] = plain(value)
    return answer


def seed_columns(seed, rows):
    """The same numbers as seedBatch() of test/support/batches.ts."""
    at = seed * 1_000_003 + np.arange(rows, dtype='int64')
    return {'a': at, 'b': at / 7, 'c': at % 3 == 0}


def checksum(chunk):
    """One number for all bytes of a blob, or of a batch or frame with the columns a, b and c."""
    if isinstance(chunk, memoryview):
        return crc32(chunk)
    total = 0
    for name in ('a', 'b', 'c'):
        values = chunk[name].to_numpy() if isinstance(chunk, pd.DataFrame) else chunk.column(name).to_numpy(False)
        total = crc32(np.ascontiguousarray(values).tobytes(), total)
    return total
