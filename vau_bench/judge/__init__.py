"""The LLM judge: how well a model explains what it saw, and how far the judge can be trusted.

`vau-bench judge RUN` asks; `judge_summary` turns what was answered into the figures of `results.json`.
"""

from vau_bench.judge.summary import judge_summary as judge_summary
