"""Our tasks and models under the command line of lmms-eval. `vau_bench.models.lmms` is the other direction."""
