"""A worker behind DJL's Python engine: the engine's own process calls `handle`."""

import json

from djl_python import Output


def handle(inputs):
    """Give the bytes back; where it is a call, decode and encode the value."""
    if inputs.is_empty():
        return None  # the engine's own first call, to load a model
    data = inputs.get_as_bytes()
    if inputs.get_property("json") is not None:
        data = json.dumps(json.loads(data), separators=(",", ":")).encode()
    return Output().add(data)
