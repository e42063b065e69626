"""Kernels whose client asks for messages anew each second.

Once in many runs a kernel stood idle, answered another client, and its own waited for a
reply. ZMQ tells asyncio only once of what has come; it seems that this was missed.
"""

import math
import queue
import time
from typing import Any

import jupyter_client
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

SECONDS = 1.0


class Channel(AsyncZMQSocketChannel):
    """A channel that looks for messages again and again, until one is there."""

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Returns the next message.

        Args:
          timeout: how many seconds to wait; None is for ever.

        Raises:
          queue.Empty: if none came.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                return await super().get_msg(min(SECONDS, left))
            except queue.Empty:
                if left <= SECONDS:
                    raise


class Client(jupyter_client.AsyncKernelClient):
    """A client with such channels."""

    shell_channel_class = Type(Channel)
    iopub_channel_class = Type(Channel)


class Manager(jupyter_client.AsyncKernelManager):
    """What starts a kernel and makes such clients of it."""

    client_factory = Type(Client, klass=jupyter_client.AsyncKernelClient)
