"""A worker behind gRPC: generic byte handlers on a Unix socket, one thread for tools.

usage: grpc_worker.py SOCKET [numpy]; says a line when it serves; ends with its standard input.
"""

import json
import sys
from concurrent import futures

import grpc

MESSAGE_BYTES_MAX = 1 << 26


def echo(message, _context):
    """Give the bytes back."""
    return message


def call(message, _context):
    """Decode a value, give it to the function, encode what that gave."""
    return json.dumps(json.loads(message), separators=(",", ":")).encode()


def main(path, *preload):
    """Serve until nobody is there any more."""
    for module in preload:
        __import__(module)
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=1),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ],
    )
    tools = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Call": grpc.unary_unary_rpc_method_handler(call),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Bench", tools),))
    server.add_insecure_port("unix:" + path)
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(None)


main(*sys.argv[1:])
