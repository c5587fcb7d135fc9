"""What an implementation declares, beside what the probes of the semantics matrix observe."""

from __future__ import annotations

from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject
from bn_impls.semantics.asking import NOT_OFFERED, ask
from bn_impls.semantics.asking import Subject as Asked
from bn_impls.semantics.questions import averages, epsilon, narrow, updates, variance

QUESTIONS = (
    *epsilon.QUESTIONS, *averages.QUESTIONS, *variance.QUESTIONS, *updates.QUESTIONS, *narrow.STATISTICS
)  # fmt: skip
"""Those about which conventions, or the interface's contract, say something."""


def _as_observed(subject: Subject) -> Failure | None:
    """Ask each question in the dtype and shapes of its own probe: other inputs than those of the other checks."""
    asked = Asked(subject.implementation, subject.style)
    try:
        answers = [(question, ask(question, asked)) for question in QUESTIONS]
    finally:
        asked.close()
    answered = [(question, answer) for question, answer in answers if answer.observed != NOT_OFFERED]
    if not answered:
        raise NotOffered(answers[0][1].evidence)
    wrong = [(q, a) for q, a in answered if a.declared is not None and a.declared != a.observed]
    if not wrong:
        return None
    told = "; ".join(f"{q.title}: declared {a.declared}, observed {a.observed} ({a.evidence})" for q, a in wrong)
    question, answer = wrong[0]
    return Failure(
        message=f"what was observed contradicts what is declared: {told}; do what Conventions say, or declare what "
        "you do; `bn-bench semantics` asks the same",
        got=f"{question.key}: {answer.observed}", expected=str(answer.declared),
        cause=f"contradicts_{'_and_'.join(q.key for q, _ in wrong)}",
    )  # fmt: skip


CHECKS = (Check("semantics", "probes observe the semantics that are declared", _as_observed, quick=False),)
