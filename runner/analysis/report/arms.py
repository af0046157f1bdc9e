"""The tables of an ablation: its arms, what tuned them, what was seen on the way, every score and every run."""

from __future__ import annotations

from runner.analysis.numbers import number, plus_minus
from runner.analysis.report.document import Cell, Section, Table, Words, rows_of, setting, short
from runner.analysis.report.reading import names, text, texts
from runner.analysis.report.told import Told
from runner.analysis.report.verdicts import interval, mark, verdict
from runner.analysis.run import number as finite
from runner.analysis.settings import shown


def arms_table(told: Told) -> Table:
    """A row for each arm."""
    failed = any(told.spread(arm, told.score).get("failures") for arm in told.arms)
    parameters = _parameters(told)
    columns = [
        told.key or "arm",
        "n",
        *["failed"] * failed,
        told.score,
        "sd",
        "difference (interval)",
        "p",
        "verdict",
        "seconds",
    ]
    columns += ["parameters"] * (len(set(parameters.values())) > 1)
    rows = []
    for arm in told.arms:
        spread, judged = told.spread(arm, told.score), told.comparisons.get(arm)
        mean, low, high, sd = (finite(spread.get(name)) for name in ("mean", "low", "high", "deviation"))
        p, seconds = finite((judged or {}).get("p_holm")), finite(told.arms[arm].get("seconds"))
        row: list[object] = [told.named(arm), spread.get("n"), *[spread.get("failures")] * failed]
        row += [Cell(plus_minus(number(mean), low, high), mean), Cell("-" if sd is None else f"{sd:.2g}", sd)]
        if judged is None:
            row += ["-", "-", "baseline"]
        else:
            row += [Cell(interval(judged), finite(judged.get("difference")))]
            row += [Cell("-" if p is None else f"{p:.2g}", p), Cell(verdict(judged), mark=mark(judged))]
        row += [Cell("-" if seconds is None else f"{seconds:.1f}", seconds)]
        row += [parameters.get(arm)] * (len(columns) > len(row))
        rows.append(row)
    return Table(f"Each arm against {told.named(told.baseline)}", columns, rows_of(rows))


def _parameters(told: Told) -> dict[str, int]:
    """Of the network of each arm, where its runs say it."""
    found: dict[str, int] = {}
    for (name, run), arm in zip(told.folders, [a for a in told.arms for _ in told.runs(a)], strict=False):
        count = run.manifest.get("parameters")
        if isinstance(count, int) and name.startswith(arm):
            found.setdefault(arm, count)
    return found


def tuned(told: Told) -> list[Section]:
    """The winner of each arm's searches, and how it did on fresh seeds."""
    rows: list[list[object]] = []
    for arm, studies in names(told.record.get("studies")).items():
        for name, study in names(studies).items():
            confirmed, settings = names(names(study).get("confirmation")), names(names(study).get("settings"))
            fresh, overstated = finite(names(confirmed.get("fresh")).get("mean")), finite(confirmed.get("overstated"))
            found, score, failed = (finite(names(study).get(key)) for key in ("found", "score", "failed"))
            said = " ".join(f"{key}={short(shown(value))}" for key, value in settings.items()) or "nothing to search"
            more = Cell("-" if overstated is None else f"{overstated:+.2g}", overstated)
            rows.append([told.named(arm), setting(name), said, found, fresh, more, int(failed or 0), score])
    if not rows:
        return []
    by, searched = text(told.search.get("score")), ", ".join(texts(told.search.get("tuned")))
    columns = ("arm", "study", "winner", "found", "on fresh seeds", "overstated", "failed", told.score)
    legend = (
        f"Found: {by} of the winner in its search, which flatters it; on fresh seeds: the mean over runs that no "
        f"search saw; the last column is what is compared, one number for each study. Searched: {searched}."
    )
    return [Section("Tuned settings", [Table("The winner of each search", columns, rows_of(rows)), Words(legend)])]


def interim(told: Told) -> list[Section]:
    """What each look said, where there were several."""
    looks = told.record.get("interim")
    rows: list[list[object]] = []
    for look in looks if isinstance(looks, list) and len(looks) > 1 else ():
        for arm, found in names(names(look).get("arms")).items():
            judged = names(found)
            p = finite(judged.get("p_holm"))
            difference = Cell(interval(judged), finite(judged.get("difference")))
            verdict_of = Cell(verdict(judged), mark=mark(judged))
            rows.append(
                [look.get("units"), told.named(arm), difference, Cell("-" if p is None else f"{p:.2g}", p), verdict_of]
            )
    columns = ("studies" if told.search else "runs of an arm", "arm", "difference (interval)", "p", "verdict")
    caption = "What was seen at each look, with intervals and p that allow for all of them"
    return [Section("Interim looks", [Table(caption, columns, rows_of(rows))], folded=True)] if rows else []


def scores_table(told: Told) -> Table:
    """A row for each score of each arm."""
    scores = dict.fromkeys(name for arm in told.arms.values() for name in names(arm.get("scores")))
    rows: list[list[object]] = []
    for score in scores:
        for arm in told.arms:
            found = told.spread(arm, score)
            mean, low, high, sd = (finite(found.get(name)) for name in ("mean", "low", "high", "deviation"))
            spread = Cell("-" if sd is None else f"{sd:.2g}", sd)
            rows.append(
                [score, told.named(arm), Cell(plus_minus(number(mean), low, high), mean), spread, found.get("n")]
            )
    caption = f"Every score; only {told.score} was judged. What stands out of many does so by luck, too"
    return Table(caption, ("score", "arm", "mean", "sd", "n"), rows_of(rows))


def runs_table(told: Told) -> Table:
    """A row for each run."""
    rows = []
    for arm in told.arms:
        for key, run in told.runs(arm).items():
            place = int(key) if key.isdecimal() else key
            score, seconds = names(run.get("scores")).get(told.score), finite(run.get("seconds"))
            time = Cell("-" if seconds is None else f"{seconds:.1f}", seconds)
            rows.append([told.named(arm), place, finite(score), text(run.get("status")), time, text(run.get("folder"))])
    columns = ("arm", text(told.record.get("varied")) or "run", told.score, "status", "seconds", "folder")
    return Table("Every run", columns, rows_of(rows))
