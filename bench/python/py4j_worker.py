"""A worker behind py4j: a `ClientServer` whose entry point Java calls.

usage: py4j_worker.py [numpy]; says its port when it serves; ends with its standard input.
"""

import json
import sys

from py4j.clientserver import ClientServer, JavaParameters, PythonParameters


class Tools:
    """What Java sees."""

    def echo(self, text):
        """Give the text back."""
        return text

    def call(self, text):
        """Decode a value, give it to the function, encode what that gave."""
        return json.dumps(json.loads(text), separators=(",", ":"))

    def bytes(self, value):
        """Give the bytes back."""
        return value

    class Java:
        """The interface of the entry point, by which py4j knows it."""

        implements = ("dev.terrarium.bench.Py4jContestant$Tools",)


def main(*preload):
    """Serve until nobody is there any more."""
    for module in preload:
        __import__(module)
    server = ClientServer(
        java_parameters=JavaParameters(),
        python_parameters=PythonParameters(port=0),
        python_server_entry_point=Tools(),
    )
    print(server.get_callback_server().get_listening_port(), flush=True)
    sys.stdin.read()
    server.shutdown()


main(*sys.argv[1:])
