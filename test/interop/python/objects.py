"""Single objects: put, get, names, deleting."""

from streams import evaluate
from values import describe
from vineyard import ObjectID


def get(client, object_id):
    return describe(client.get(ObjectID(object_id)))


def put(client, value):
    """Puts a value that is given as a Python expression."""
    return repr(client.put(evaluate(value)))


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
