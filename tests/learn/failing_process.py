"""`assay`, but for the second process, which does not survive its second update; torchrun starts it (test_parallel.py)."""

import os
import signal
import sys

from assay.cli.app import main
from assay.core.errors import ModelError
from assay.learn.policy import Policy

HOW = sys.argv.pop(1)
learn = Policy.learn


def fail(self, *arguments):
    if self.version == 1 and self.ranks.rank == 1:
        if HOW == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ModelError("the second process has no luck")
    return learn(self, *arguments)


Policy.learn = fail
main()
