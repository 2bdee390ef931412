# SPDX-License-Identifier: ISC
"""jobs.py: several sweeps side by side, for most of their time is waiting."""
import concurrent.futures
import ctypes
import faulthandler
import multiprocessing
import signal
import sys
import time
import traceback

PR_SET_PDEATHSIG = 1


def _begin():
    """A worker ends, and cleans up, when we do; SIGUSR1 asks where it is."""
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(98))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _do(job):
    function, args = job
    begun = time.monotonic()
    try:
        title, points, problems = function(*args)
    except Exception:       # a job that failed is a problem, not an end
        title, points = "%s %s" % (function.__name__, args[1:3]), 0
        problems = [traceback.format_exc()]
    return title, points, problems, time.monotonic() - begun


def run(jobs, workers, tell):
    """Do all; tell(title, points, problems, seconds) of each as it ends."""
    with concurrent.futures.ProcessPoolExecutor(
            workers, multiprocessing.get_context("fork"), _begin) as pool:
        futures = [pool.submit(_do, job) for job in jobs]
        try:
            for future in concurrent.futures.as_completed(futures):
                title, points, problems, seconds = future.result()
                tell(title, points, problems, seconds)
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
