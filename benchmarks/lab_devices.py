"""Finds out whether the device is there, without holding any of its memory."""

import argparse
import multiprocessing

import bench


def require(options: argparse.Namespace) -> None:
    """Looks for a GPU, of JAX and of PyTorch, in a process of its own.

    Raises:
      SystemExit: with status 2, if one of them finds none.
    """
    if options.device == "cpu":
        return
    spawn = multiprocessing.get_context("spawn")
    look = spawn.Process(target=_look, args=(options,))
    look.start()
    look.join()
    if look.exitcode:
        raise SystemExit(2)


def _look(options: argparse.Namespace) -> None:
    bench.start(options)
    if not bench.peer("torch").cuda.is_available():
        bench.refuse(f"--device {options.device}: PyTorch finds none here")
