"""Calls functions of the modules next to this one, as lines of JSON on stdin ask for, and answers on stdout."""

import importlib
import json
import os
import sys
import traceback

import vineyard
from vineyard.core.builder import default_builder_context
from vineyard.core.resolver import default_resolver_context

vineyard.data.register_builtin_types(default_builder_context, default_resolver_context)

# Whatever a library prints must not come between the answers.
answers = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)

clients = {}


def call(message):
    socket = message['socket']
    if socket not in clients:
        host, scheme, port = socket.removeprefix('tcp://').partition(':')
        clients[socket] = vineyard.connect(host, int(port)) if scheme else vineyard.connect(socket)
    module, function = message['call'].split('.')
    return getattr(importlib.import_module(module), function)(clients[socket], **message['args'])


for line in sys.stdin:
    try:
        answer = {'value': call(json.loads(line))}
    except BaseException as error:  # pylint: disable=broad-except
        answer = {'error': type(error).__name__, 'traceback': traceback.format_exc()}
    answers.write(json.dumps(answer) + '\n')
    answers.flush()
