"""The same tools in an adapter that has numpy loaded."""

from __future__ import annotations

import numpy  # noqa: F401  what it costs is measured
from echo import answer_together, echo  # noqa: F401  tools of this adapter
