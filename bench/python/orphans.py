"""Makes processes that bear a birthmark and have nobody who looks after them.

``orphans.py COUNT HARD [stubborn]``: says ``ready`` when all are there, and ends.
"""

import os
import resource
import signal
import sys

count, hard = int(sys.argv[1]), int(sys.argv[2])
stubborn = "stubborn" in sys.argv[3:]
read, write = os.pipe()
for number in range(1, count + 1):
    if os.fork() == 0:
        resource.setrlimit(resource.RLIMIT_RTTIME, (hard - number, hard))
        os.setsid()
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(write, b".")
        os.closerange(0, 100)
        while True:
            signal.pause()
there = 0
while there < count:
    there += len(os.read(read, count))
print("ready", flush=True)
