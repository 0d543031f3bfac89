"""Runs a command at a terminal: terminal.py seen|unseen ANSWER COMMAND...

Standard input is a terminal, and so is standard error where the questions are seen. The first question gets the
answer, every other one a no. What stood on the terminal goes to standard error.
"""

import os
import pty
import subprocess
import sys

questions, answer, *command = sys.argv[1:]
ours, theirs = pty.openpty()
process = subprocess.Popen(command, stdin=theirs, stderr=theirs if questions == "seen" else None)
os.close(theirs)

seen, answered = b"", 0
while True:
    try:
        seen += os.read(ours, 65536)
    except OSError:  # nobody has it open any more
        break
    while answered < seen.count(b"Type yes"):
        os.write(ours, (answer if answered == 0 else "no").encode() + b"\n")
        answered += 1
sys.stderr.write(seen.decode())
sys.exit(process.wait())
