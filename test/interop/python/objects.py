"""Single objects: put, get, names, deleting."""

import numpy as np
import pandas as pd
import pyarrow as pa
from exact import exact_batch, exact_values
from streams import evaluate
from values import describe
from vineyard import ObjectID, ObjectMeta, RemoteBlobBuilder
from vineyard.data.dataframe import make_global_dataframe
from vineyard.data.tensor import make_global_tensor


def get(client, object_id):
    return describe(client.get(ObjectID(object_id)))


def put(client, value):
    """Puts a value that is given as a Python expression."""
    return repr(client.put(evaluate(value)))


def put_unknown(client):
    """An object of a type that nobody knows, with a blob, a member and a blob in the member."""
    meta = ObjectMeta()
    meta['typename'] = 'example::Record<int>'
    meta['count_'] = 3
    meta['text_'] = 'ü'
    if client.is_ipc:
        blob = client.create_blob(10)
        blob.copy(0, b'some bytes')
        meta.add_member('bytes_', blob.seal(client))
    else:
        blob = RemoteBlobBuilder(10)
        blob.copy(0, b'some bytes')
        meta.add_member('bytes_', client.create_remote_blob(blob))
    meta.add_member('numbers_', client.put(np.arange(3, dtype='i4')))
    return repr(client.create_metadata(meta).id)


def put_part(client, value, index):
    """A part of a global object, which other instances find."""
    part = client.put(evaluate(value), partition_index=[index, 0], row_batch_index=index)
    client.persist(part)
    return repr(part)


def join_frames(client, parts):
    """Makes a global data frame of parts that are there, on any instance."""
    return repr(make_global_dataframe(client, [ObjectID(part) for part in parts]).id)


def put_global_frame(client, parts):
    blocks = [client.put(evaluate(part), partition_index=[row, 0], row_batch_index=row) for row, part in enumerate(parts)]
    return repr(make_global_dataframe(client, blocks).id)


def put_global_tensor(client, parts, shape):
    blocks = [client.put(evaluate(part), partition_index=[row]) for row, part in enumerate(parts)]
    return repr(make_global_tensor(client, blocks, shape=shape, partition_shape=[len(parts)]).id)


def typename(client, object_id):
    return client.get_meta(ObjectID(object_id)).typename


def exists(client, object_id):
    return client.exists(ObjectID(object_id))


def delete(client, object_id):
    client.delete(ObjectID(object_id))


def put_name(client, object_id, name):
    client.persist(ObjectID(object_id))
    client.put_name(ObjectID(object_id), name)


def get_name(client, name):
    return repr(client.get_name(name))


def drop_name(client, name):
    client.drop_name(name)


def list_names(client, pattern):
    return {name: repr(object_id) for name, object_id in client.list_names(pattern).items()}


def metadata(client, object_id):
    meta = client.get_meta(ObjectID(object_id))
    return {key: str(meta[key]) for key in ('typename', 'shape_', 'value_type_', 'signature')} | {'id': repr(meta.id)}


def put_back(client, value, object_id):
    """How an object differs from a value that was put by Python, given as an expression; nothing if it does not."""
    expected, found = evaluate(value), client.get(ObjectID(object_id))
    try:
        # What Python reads of its own object is what another must be like, where it can.
        expected = client.get(client.put(expected))
    except RuntimeError:
        pass
    return difference(expected, found)


def difference(expected, found):
    if isinstance(expected, np.ndarray):
        return None if same_arrays(expected, found) else f'{found!r} {found.dtype} {found.shape}'
    if type(expected) is not type(found):
        return f'{type(found)} instead of {type(expected)}: {found!r}'
    if isinstance(expected, (tuple, list)):
        differences = [difference(*pair) for pair in zip(expected, found)]
        return next(filter(None, differences), None) if len(expected) == len(found) else repr(found)
    if isinstance(expected, (pd.DataFrame, pd.Series, pd.Index)):
        kind = {pd.DataFrame: 'frame', pd.Series: 'series'}.get(type(expected), 'index')
        return raised(getattr(pd.testing, f'assert_{kind}_equal'), expected, found, check_exact=True)
    if isinstance(expected, pa.Table):
        return difference(expected.to_batches(), found.to_batches())
    if isinstance(expected, pa.RecordBatch):
        return None if exact_batch(expected) == exact_batch(found) else f'{found.schema} {found.to_pydict()}'
    if isinstance(expected, pa.Array):
        same = expected.type == found.type and exact_values(expected) == exact_values(found)
        return None if same else f'{found.type} {found}'
    return None if expected == found else repr(found)


def same_arrays(expected, found):
    if not isinstance(found, np.ndarray) or (expected.dtype, expected.shape) != (found.dtype, found.shape):
        return False
    if expected.dtype == object:
        return expected.tolist() == found.tolist()
    return expected.tobytes() == found.tobytes()


def raised(check, *args, **options):
    try:
        check(*args, **options)
        return None
    except AssertionError as error:
        return str(error)
