"""Imports what nobody has."""

import nobody_has_this
