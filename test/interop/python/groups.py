"""Groups of streams, and other objects that are made of metadata."""

from streams import find
from vineyard import ObjectID, ObjectMeta
from vineyard.io.stream import StreamCollection


def new_parallel(client, streams):
    """As upstream's C++ makes one; its Python package can only read them."""
    meta = ObjectMeta()
    meta['typename'] = 'vineyard::ParallelStream'
    meta.set_global(True)
    meta['__streams_-size'] = len(streams)
    for index, stream in enumerate(streams):
        meta.add_member(f'__streams_-{index}', ObjectID(stream))
    return repr(client.create_metadata(meta).id)


def new_collection(client, streams, metadata):
    return repr(StreamCollection.new(client, metadata, [ObjectID(stream) for stream in streams]).id)


def parallel_members(client, group):
    return [[type(stream).__name__, repr(stream.id)] for stream in find(client, group)]


def collection_members(client, group):
    collection = find(client, group)
    return {'streams': [repr(stream) for stream in collection.streams], 'path': collection.meta['__path']}
