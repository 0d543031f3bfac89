"""Starts the warden: PYTHON -I -S terrarium_warden.py --snakepit-run-id RUN

The JVM runs this file in isolated mode, where Python does not add the script's own directory to the
path.
"""

import gc
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _bare_package():
    """`terrarium` without its `__init__`: that one is for tools, costs start-up time, and may fail
    to import.
    """
    package = type(sys)("terrarium")
    package.__path__ = [os.path.join(HERE, "terrarium")]
    sys.modules["terrarium"] = package


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    _bare_package()
    gc.disable()
    from terrarium._warden import main

    # Nothing that is imported is garbage: it is not looked for while a pool waits, nor later.
    gc.freeze()
    gc.enable()
    sys.exit(main())
