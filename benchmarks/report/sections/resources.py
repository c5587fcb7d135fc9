"""What a step takes beside its time: the start, memory, and how much of the machine it uses."""

from __future__ import annotations

from benchmarks.report.document import Paragraph, Section, say
from benchmarks.report.sections.memory import memory
from benchmarks.report.sections.roofline import roofline
from benchmarks.report.sections.scaling import scaling
from benchmarks.report.sections.start_up import start_up
from benchmarks.report.view import View


def build(view: View) -> Section:
    """The section."""
    blocks = (*start_up(view), *memory(view), *roofline(view), *scaling(view))
    nothing = (Paragraph(say("No speed was measured in this run, so there is nothing to tell."), "note"),)
    return Section("resources", "Costs, memory and the roofline", blocks or nothing, "Costs")
