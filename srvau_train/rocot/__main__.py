"""`python -m srvau_train.rocot`: the same as `vau-bench train rocot`."""

from srvau_train.cli import run
from srvau_train.rocot.command import rocot

run(rocot, "python -m srvau_train.rocot")
