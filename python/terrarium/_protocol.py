"""The numbers and words of the wire (``docs/protocol.md``), each written once; constants only.

A test holds the numbers to that page.
"""

from __future__ import annotations

PROTOCOL = 1

# ---- frame types, between the JVM and a worker

HELLO = 1
CALL = 2
RESULT = 3
ERROR = 4
CANCEL = 5
STACKS = 6
CHUNK = 7
CREDIT = 8
HOST_CALL = 9
HOST_RESULT = 10
LOG = 11
PROGRESS = 12
EVENT = 13
PING = 14
PONG = 15
DRAIN = 16
MEMFD = 17
TAKEN = 18
KEPT = 19
LOGGERS = 20
LEVELS = 21

# ---- frame types, between the JVM and the warden

WARDEN_HELLO = 64
SPAWN = 65
SPAWNED = 66
SPAWN_FAILED = 67
SIGNAL = 68
KILL = 69
EXITED = 70
CLEARED = 71
OUTPUT = 72
DUMP = 73
DUMPED = 74
SHUTDOWN = 75
REPORT = 76
ZYGOTE_READY = 77

# ---- frames

HEADER_FORMAT = ">IBBHQ"
"""Length of what follows, type, flags, number of attachments, id."""
FRAME_BYTES_MAX = 2**30 + 2**27
ATTACHMENT_BYTES_MAX = 2**30
ATTACHMENTS_MAX = 65_535
IN_MEMORY = 2**31
"""In a frame's table: the attachment is in a memory file, and four bytes in the frame name it."""

# ---- values

NESTING_MAX = 500
DIGITS_MAX = 4300

# ---- why a call is cancelled

REASON_CANCELLED = "cancelled"
REASON_DEADLINE = "deadline"
REASON_CLOSING = "closing"
REASON_WITHDRAWN = "withdrawn"

# ---- kinds of tools

KIND_PLAIN = "plain"
KIND_ASYNC = "async"
KIND_GENERATOR = "generator"

# ---- between a warden and its zygotes, which come with the same files

ORDER_BYTES_MAX = 65_536
END = b"end"
"""In the place of an order: there will be none any more."""
ARMED = b"armed\n"
"""The last word of a zygote's child in its report; of an exec nothing is heard but the end."""
