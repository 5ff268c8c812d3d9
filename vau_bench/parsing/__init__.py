"""Text to answers: ranked, named rules that never guess."""

from vau_bench.parsing.answers import Attempt, IntervalAnswer, Parsed, Reflection, Span, Style
from vau_bench.parsing.grammar import (
    parse_grammar,
    write_interval,
    write_label,
    write_option,
    write_reflection,
    write_think,
)
from vau_bench.parsing.interval import parse_interval
from vau_bench.parsing.label import parse_label
from vau_bench.parsing.option import parse_option
from vau_bench.parsing.paper import paper_interval, paper_label, paper_option
from vau_bench.parsing.prose import Prose, read_prose
from vau_bench.parsing.refusal import is_refusal

__all__ = [
    "Attempt",
    "IntervalAnswer",
    "Parsed",
    "Prose",
    "Reflection",
    "Span",
    "Style",
    "is_refusal",
    "paper_interval",
    "paper_label",
    "paper_option",
    "parse_grammar",
    "parse_interval",
    "parse_label",
    "parse_option",
    "read_prose",
    "write_interval",
    "write_label",
    "write_option",
    "write_reflection",
    "write_think",
]
