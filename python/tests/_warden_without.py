"""A warden with some of its layers switched off: _warden_without.py LAYER,LAYER"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from terrarium_warden import _bare_package

_bare_package()

from terrarium import _warden  # noqa: E402

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from _layers import switch_off

    switch_off(sys.argv[1].split(","))
    sys.exit(_warden.main())
