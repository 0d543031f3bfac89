"""Each worker leaves a process that leads a session of its own: signals to its group pass it by."""

import os
import subprocess

from terrarium import on_start, tool

DAEMON = "exec sleep 300"


@on_start
def leave_a_daemon(options):
    ignore = "trap '' TERM; " if os.environ.get("DAEMONS") == "stubborn" else ""
    subprocess.Popen(["sh", "-c", ignore + DAEMON], start_new_session=True)


@tool
def nothing():
    """Do nothing."""
