"""How much of the cores other processes took: figures of a disturbed machine are none."""

import os
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cores_s(cores):
    """CPU time of everybody on these cores, what the hypervisor took away included."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system = (int(field) for field in fields[:3])
            total += user + nice + system + int(fields[7])
    return total / TICKS


def process_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Watch:
    """From its making to share(): what neither `pids` nor children that ended used."""

    def __init__(self, cores, pids):
        self._cores = cores
        self._pids = pids
        self._began = time.monotonic()
        self._before = self._others_s()

    def _others_s(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = children.ru_utime + children.ru_stime + sum(map(process_s, self._pids))
        return cores_s(self._cores) - own

    def share(self):
        """Of the time of all the cores."""
        elapsed = time.monotonic() - self._began
        return max(0.0, (self._others_s() - self._before) / elapsed / len(self._cores))
