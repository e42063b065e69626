"""The memory that `size.py` tells: that of a study, in a process of its own."""

import argparse
import multiprocessing
import resource

import bench


def peak(options: argparse.Namespace, points: int, epochs: int) -> int:
    """Returns the highest memory of a study, in bytes.

    It is to be asked while this process is small, for on Linux a new process counts
    from what its parent had.

    Raises:
      SystemExit: with the study's status, if it has failed and said why.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=study, args=(options, points, epochs, there))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    return here.recv()


def study(options: argparse.Namespace, points: int, epochs: int, connection) -> None:
    """Searches as many points for Adam, with a ledger, and sends the memory."""
    bench.start(options, cores=bench.available_cores())
    from optax_lab import adam
    from optax_lab.studies import compare, plan, study, tasks

    budget = plan.Budget(points, 1, 1, epochs)
    study.conduct([compare.candidate("adam", adam)], tasks.mnist1d(), budget)
    connection.send(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
