"""Make workers of joblib end with the process that they work for."""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
import time

# Loky's, and those of a pool of multiprocessing. Other processes may well be meant to
# outlive their parent, and the workers of dask see to it themselves.
WORKER = re.compile(r"LokyProcess|\w*PoolWorker")
SECONDS = 1.0  # between two looks
_WATCHING: set[int] = set()  # processes; a fork has its parent's number here


def leave_with_parent() -> None:
    """Have this process end with its parent if it is a worker, whatever it is doing."""
    # When the parent is killed, a worker would finish what it was given for nobody, and
    # then wait minutes for more. It ends as if it were killed, too, which files that
    # are written whole survive. Called where work begins; done once in each process. A
    # worker that was not given anything yet has not come here: it waits as long as
    # joblib says.
    pid, parent = os.getpid(), multiprocessing.parent_process()
    if os.name != "posix" or pid in _WATCHING or parent is None or parent.pid is None:
        return
    if WORKER.match(multiprocessing.current_process().name):
        _WATCHING.add(pid)
        arguments = (parent.pid, os.getppid())
        threading.Thread(target=_watch, args=arguments, daemon=True).start()


def _watch(parent: int, found: int) -> None:
    """End this process once it has another parent than the one that was found."""
    # That need not be the one that it works for, which is asked for as well then: a
    # fork server may stand between, or that one was killed before. Orphans have the
    # parent 1, and whom they lost may be there still, as a zombie.
    is_orphan = found == 1 != parent
    while not is_orphan and (found == parent or _exists(parent)):
        time.sleep(SECONDS)
        is_orphan = os.getppid() != found
    os._exit(1)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


leave_with_parent()  # a worker gets here when it unpickles the first of our objects
