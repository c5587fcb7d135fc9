"""How to read this: the words that the report uses."""

from __future__ import annotations

from benchmarks.report.document import Block, Heading, Paragraph, Section, Terms, code, say
from benchmarks.report.view import View
from benchmarks.verdicts.judging import CONFIDENCE, MARGIN
from bn_impls.registry import BUILT_IN

TERMS = {
    "implementation": "One registered way to batch-normalize, behind the same interface as all others.",
    "reference": "The float64 evaluation that errors are measured against, set to each implementation's conventions.",
    "ulp": "Unit in the last place: the spacing of the dtype's numbers at the largest reference value of the "
    "channel. Half an ulp is the best that rounding allows.",
    "bound": "The error that a good two-pass evaluation in the same dtype must be allowed, sums taken pairwise, "
    "derived from the arithmetic. An error of 3 times its bound is right, but less accurate than it could be.",
    "limit": "The same with sums taken one term after the other. Beyond it is not rounding: the case disagrees.",
    "dense inputs, maps": "Inputs of rank 2, (batch, channels), and of rank 4, (batch, height, width, channels). "
    "Sequences have rank 3, volumes rank 5.",
    "mean in deviations": "Mean over standard deviation of a channel, a measure of how ill-conditioned its variance "
    "is: at 1,000, squares carry a million times the variance, and float32 has seven digits.",
    "huge values": "A deviation of 1e15 in float32 and bfloat16, 1e4 in float16, 1e120 in float64: squares and their "
    "sums are finite still.",
    "case": "One axis, one implementation, one set of parameters. Every planned case ends as exactly one record.",
    "style": "How a step is called: eager, as a traced graph, compiled by XLA, in a session, or eager inside a model "
    "subclass. It is verified, not taken from a label.",
    "round": "One fresh process per implementation. Rounds are independent, so intervals are taken over rounds.",
    "pass": "One short visit to a case. Implementations are visited in turn, so that the machine's drift "
    "hits all of them alike, and they are compared within a round.",
    "step time": "The shortest time per call in any pass. Whatever else a machine does only adds time, so "
    "the minimum repeats best.",
    "ratio": "Step time over the baseline's: in each round the median over the passes that both have, over rounds "
    "the geometric mean. Below 1 is faster.",
    "interval": f"t interval over rounds; all intervals of one ranking hold at once with {100 * CONFIDENCE:.0f} % "
    "confidence, so a single one is wider than if it stood alone.",
    "verdict": "Faster or slower: the interval leaves out 1, and the ratio is beyond the margin of "
    f"{100 * MARGIN:.0f} %. Same: the whole interval lies within that margin. Undecided: neither, and what a decision "
    "would cost is told.",
    "noise floor": "The difference that this machine shows between identical workers, so what no verdict can rest on.",
    "yardstick": "An implementation that others are measured by, such as the reference or a kernel that shows what the "
    "machine allows. Tables show it, recommendations leave it out.",
    "decay": "Weight of the old moving value in an update. Frameworks call it momentum, and mean opposite "
    "things by it.",
    "ddof": "0 if the moving variance divides by n, 1 if it divides by n - 1.",
    "moving, batch statistics": "Inference normalizes with the moving statistics, training with those of its batch.",
    "first split": "The first training step whose loss differs from the reference's by more than the "
    "threshold, counted from 0. Training amplifies rounding, so correct implementations part as well; where "
    "the reference's own code in the same dtype, from weights one ulp away, does so at about that step, the split is "
    "put down to rounding.",
    "population statistics": "Mean and variance of what a layer gets from all training examples at once, with fixed "
    "weights: what moving statistics are an estimate of.",
}


def build(view: View) -> Section:
    """The section."""
    again = say(
        "Everything here is computed from {records}; {table} holds one row per record, and {command} draws this again.",
        records=code("records.jsonl"),
        table=code("results.csv"),
        command=code("bn-bench report RUN"),
    )
    terms = Terms(tuple((term, say("{meaning}", meaning=meaning)) for term, meaning in TERMS.items()), anchored=True)
    return Section("glossary", "How to read this", (*_names(view), terms, Paragraph(again)), "Glossary")


def _names(view: View) -> list[Block]:
    """What the names of the suite's own implementations stand for."""
    summaries = {descriptor.name: descriptor.summary for descriptor in BUILT_IN}
    known = [who for who in view.implementations if who in summaries]
    told = tuple((who, say("{what}", what=summaries[who])) for who in known)
    return [Heading("The implementations", "names"), Terms(told), Heading("Words", "words")] if told else []
