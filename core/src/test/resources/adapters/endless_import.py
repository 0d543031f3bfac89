"""An adapter whose import never ends."""

import os
import pathlib
import time

from terrarium import tool

pathlib.Path(os.environ["STARTED"], f"importing-{os.getpid()}").touch()
while True:
    time.sleep(1)


@tool
def nothing():
    pass
