"""Connecting the Python client to a server of a benchmark."""

import vineyard


def connect(server):
    """`server`: the path of a socket, or tcp://host:port."""
    if not server.startswith('tcp://'):
        return vineyard.connect(server)
    host, port = server.removeprefix('tcp://').split(':')
    return vineyard.connect(host, int(port))
