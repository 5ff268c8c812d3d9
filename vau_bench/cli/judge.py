"""`vau-bench judge`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vau_bench.cli.common import TerminalProgress, data_option, json_option, names, print_json, print_rows, run_argument

if TYPE_CHECKING:
    from vau_bench.judge.judgements import Judgement
    from vau_bench.judge.work import Plan, Price
    from vau_bench.runs import RunFolder


@click.command(short_help="Let language models judge the reasoning of a run, and check the judges.")
@run_argument
@data_option
@click.option("--judge-model", metavar="NAME", help="The judge, as its server knows it.")
@click.option("--base-url", metavar="URL", help="Its address up to /v1; default: $OPENAI_BASE_URL, else OpenAI.")
@click.option(
    "--judge",
    "judge_texts",
    multiple=True,
    metavar="K=V,..",
    help="A judge by its arguments, such as model=NAME,base_url=URL,temperature=1; may stand several times.",
)
@click.option("--judges", "judges_file", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file of judges.")
@click.option("--api-key-env", metavar="VAR", help="Environment variable that holds the key; default: OPENAI_API_KEY.")
@click.option("--api-key-file", type=click.Path(dir_okay=False, path_type=Path), help="File that holds the key.")
@click.option("--price-input", type=click.FloatRange(min=0), help="US dollars per million tokens of prompt.")
@click.option("--price-output", type=click.FloatRange(min=0), help="US dollars per million tokens of verdict.")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Calls in flight at most; default: 8.")
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True, help="Verdicts per answer.")
@click.option("--rubric", "rubric_file", type=click.Path(dir_okay=False, path_type=Path), help="Another rubric.")
@click.option(
    "--part",
    type=click.Choice(["final", "whole", "first"]),
    default="final",
    show_default=True,
    help="Of a reflective answer: what it says in the end, all of it, or what it said before its reflection.",
)
@click.option("--tasks", multiple=True, help="Tasks of the run, comma-separated; default: the reasoning tasks.")
@click.option("--limit", type=click.IntRange(min=1), help="Answers per task, evenly spread.")
@click.option(
    "--check", is_flag=True, help="Judge answers whose order is known, to see whether the judge can be trusted."
)
@click.option(
    "--probes", type=click.IntRange(min=1), default=20, show_default=True, help="References per task to check with."
)
@click.option("--dry-run", is_flag=True, help="Only tell how many calls, tokens and dollars it would take.")
@click.option(
    "--estimate", type=click.IntRange(min=1), metavar="N", help="Ask N questions, then tell what the rest would take."
)
@click.option("--engine", type=click.Choice(["ray"]), help="Call the judges from the processes of a Ray cluster.")
@click.option("--actors", metavar="MIN:MAX", help="Processes there, each with --concurrency calls in flight.")
@click.option(
    "--resamples", type=click.IntRange(min=0), default=2_000, show_default=True, help="Of the bootstrap; 0: none."
)
@json_option
@click.pass_context
def judge(ctx: click.Context, /, run: Path, as_json: bool, **given: Any) -> None:
    """Let language models judge the reasoning of a run; the same command again goes on where it stopped.

    Verdicts are appended to judgements.jsonl in the run folder, and none is paid for twice. Without a judge, what was
    judged so far is summed up again. A key comes from the environment or a file, never from the command line.
    """
    from vau_bench.judge import work
    from vau_bench.judge.judgements import read_judgements
    from vau_bench.judge.summary import judge_summary, record_summary
    from vau_bench.runs import RunFolder

    folder = RunFolder.existing(run)
    plans = _plans(folder, given)
    if given["dry_run"]:
        _tell_prices([(p, work.price(p)) for p in plans], as_json, "estimated")
        return
    try:
        written = _ask(folder, plans, given)
    finally:
        summary = judge_summary(run, resamples=given["resamples"])
        record_summary(run, summary)
    if given["estimate"]:
        by_judge = [(p, [j for j in written if j.judge == p.judge.config.label]) for p in _plans(folder, given)]
        _tell_prices([(p, work.projected(p, mine)) for p, mine in by_judge], as_json, "measured")
        return
    if as_json:
        print_json(summary)
    else:
        _tell(summary)
    if next(read_judgements(run), None) is None:
        click.echo(f"error: nothing is judged in {run}; name a judge with --judge-model or --judge", err=True)
        ctx.exit(1)
    if not _something_judged(summary, given["check"]):
        click.echo(f"error: no verdict came about{_first_error(run)}", err=True)
        ctx.exit(1)


def _ask(folder: RunFolder, plans: Sequence[Plan], given: dict[str, Any]) -> list[Judgement]:
    """Ask the judges, about a sample only where that is wanted; returns what was written."""
    from vau_bench.judge import work
    from vau_bench.judge.client import Judge

    asker: work.Asker = Judge.ask
    if given["engine"]:
        from vau_bench.engines.ray import RayEngine
        from vau_bench.engines.ray_judge import RayJudges

        asker = RayJudges(RayEngine.parse(given["actors"])).ask
    elif given["actors"]:
        raise click.UsageError("--actors goes with --engine ray")
    if not plans:
        return []
    progress, sample = JudgeProgress(), given["estimate"]
    with progress.shown():
        return work.ask(folder, [p.sample(sample) for p in plans] if sample else plans, progress, asker)


def _plans(folder: RunFolder, given: dict[str, Any]) -> list[Plan]:
    """Return what each judge is still to be asked."""
    from vau_bench.judge import work
    from vau_bench.judge.client import Judge
    from vau_bench.judge.config import judge_configs
    from vau_bench.judge.judgements import read_judgements
    from vau_bench.judge.rubric import read_rubric

    configs = judge_configs(
        given["judge_texts"],
        given["judges_file"],
        {
            "model": given["judge_model"],
            **{k: given[k] for k in ("base_url", "api_key_env", "api_key_file", "price_input", "price_output")},
        },
        {"concurrency": given["concurrency"]},
    )
    rubric = read_rubric(given["rubric_file"])
    judges = [Judge(config, rubric) for config in configs]
    work.check_names(judges)
    if not judges:
        if given["dry_run"] or given["estimate"] or given["check"]:
            raise click.UsageError("name a judge with --judge-model, --judge or --judges")
        return []
    items = work.wanted(
        folder,
        rubric,
        data=given["data"],
        tasks=names(*given["tasks"]),
        part=given["part"],
        limit=given["limit"],
        check=given["probes"] if given["check"] else None,
    )
    judgements = list(read_judgements(folder.path))
    return [work.plan(j, items, given["repeats"], judgements) for j in judges]


class JudgeProgress(TerminalProgress):
    """A bar on stderr with rate, cost and what went wrong; where that is no terminal, a line now and then."""

    def stage(self, text: str, total: int | None = None) -> None:
        """A judge begins."""
        super().stage(text, total)
        self._began = time.monotonic()
        self._cost: float | None = 0.0
        self._without: dict[str, int] = {}

    def judged(self, judgement: Judgement) -> None:
        """Count one verdict."""
        self._done += 1
        self._cost = None if self._cost is None or judgement.cost is None else self._cost + judgement.cost
        if judgement.scores is None:
            self._without[judgement.decision] = self._without.get(judgement.decision, 0) + 1
        rate = self._done / max(1e-9, time.monotonic() - self._began)
        parts = [f"{rate:.1f}/s", "cost unknown" if self._cost is None else f"${self._cost:.4f}"]
        told = ", ".join(parts + [f"{count} {decision}" for decision, count in self._without.items()])
        self._bar.update(self._task, advance=1, told=told)
        last = self._done == self._total
        if not self._live and (last or time.monotonic() - self._said >= self.EVERY):
            self._said = time.monotonic()
            click.echo(f"{self._name}: {self._done} of {self._total}, {told}", err=True)


def _tell_prices(prices: Sequence[tuple[Plan, Price]], as_json: bool, how: str) -> None:
    if as_json:
        print_json(
            [
                {"judge": p.judge.config.label, "wanted": p.total, "done": p.done, "how": how, **c._asdict()}
                for p, c in prices
            ]
        )
        return
    rows = [
        (
            plan.judge.config.label,
            str(cost.calls),
            str(plan.total - len(plan.pending)),
            str(cost.prompt_tokens),
            str(cost.completion_tokens),
            "unknown" if cost.cost is None else f"${cost.cost:.4f}",
        )
        for plan, cost in prices
    ]
    print_rows(("judge", "calls", "already there", "prompt tokens", "verdict tokens", f"cost ({how})"), rows)


def _tell(summary: dict[str, Any]) -> None:
    """Print the figures as plain tables."""
    counts = ("judged", "unparsed", "errored", "no_response", "not_asked", "expected")
    rows = [
        (task, j["judge"], j["part"], _figure(j["total"]), f"{j['highest']:g}", *(str(j[c]) for c in counts))
        for task, figures in summary.items()
        for j in figures["judges"]
    ]
    if rows:
        print_rows(("task", "judge", "part", "total", "of", *counts), rows)
    for task, figures in summary.items():
        for j in figures["judges"]:
            click.echo(f"\n{task}, {j['judge']}, {j['part']}")
            more = {
                "length slope": j["length_slope"],
                "repeat spread": j["repeat_spread"],
                **{f"correlation with {name}": figure for name, figure in j["correlation"].items()},
            }
            print_rows(("", "value"), [(n, _figure(e)) for n, e in {**j["dimensions"], **more}.items()])
        for a in figures["agreement"]:
            click.echo(f"\n{task}, agreement of {', '.join(a['judges'])}")
            print_rows(("", "alpha"), [(name, _figure(e)) for name, e in a["alpha"].items()])
            print_rows(("Spearman", ""), [(" and ".join(s["judges"]), _figure(s)) for s in a["spearman"]])
        for c in figures["check"]:
            click.echo(f"\n{task}, check of {c['judge']}: totals of {c['highest']:g}")
            print_rows(
                ("probe", "total", "AUC of the reference", "judged", "expected"),
                [
                    (p["probe"], _figure(p["total"]), _figure(p["auc"]), str(p["judged"]), str(p["expected"]))
                    for p in c["probes"]
                ],
            )
            click.echo(f"injections resisted: {_figure(c['injection']['resistance'])}")


def _figure(estimate: dict[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    value, low, high = (None if v is None else round(v, 2) + 0.0 for v in map(estimate.get, ("value", "low", "high")))
    told = f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
    return f"{told} n={estimate['n']}"


def _something_judged(summary: dict[str, Any], check: bool) -> bool:
    checks = any(p["judged"] for f in summary.values() for c in f["check"] for p in c["probes"])
    return checks if check else checks or any(j["judged"] for f in summary.values() for j in f["judges"])


def _first_error(run: Path) -> str:
    from vau_bench.judge.judgements import read_judgements

    error = next((j.error for j in read_judgements(run) if j.error), None)
    return f"; the first: {error}" if error else ""
