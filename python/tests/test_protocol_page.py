"""docs/protocol.md, the worker's constants and the warden's are the same numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from terrarium import _warden_link, _wire

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def on_the_page() -> dict[str, int]:
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: int(number) for number, name in rows}


@pytest.mark.parametrize("module", [_wire, _warden_link])
def test_frame_types_have_the_numbers_of_the_page(module):
    page = on_the_page()
    here = {name: value for name, value in vars(module).items() if name in page}
    assert here, "the module names no frame type at all"
    assert here == {name: page[name] for name in here}
