"""What a call costs when there is no work in it."""

from terrarium import tool


@tool(idempotent=True)
def echo(value):
    """Give the value back."""
    return value
