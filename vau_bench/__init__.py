"""vau-bench: a benchmark harness for video anomaly understanding with multimodal LLMs.

`evaluate` asks a model and scores it, `score` scores a finished run again. Each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vau_bench._version import __version__

if TYPE_CHECKING:
    from vau_bench.api import compare as compare
    from vau_bench.api import evaluate as evaluate
    from vau_bench.api import register_model as register_model
    from vau_bench.api import register_reader as register_reader
    from vau_bench.api import score as score
    from vau_bench.comparison import Comparison as Comparison
    from vau_bench.records import Outcome as Outcome
    from vau_bench.records import Request as Request
    from vau_bench.records import Response as Response
    from vau_bench.records import Sample as Sample
    from vau_bench.records import Segment as Segment
    from vau_bench.records import Target as Target
    from vau_bench.results import Results as Results
    from vau_bench.task import Task as Task

_PUBLIC = {
    **dict.fromkeys(("evaluate", "score", "compare", "register_model", "register_reader"), "vau_bench.api"),
    **dict.fromkeys(("Outcome", "Request", "Response", "Sample", "Segment", "Target"), "vau_bench.records"),
    "Comparison": "vau_bench.comparison",
    "Results": "vau_bench.results",
    "Task": "vau_bench.task",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
