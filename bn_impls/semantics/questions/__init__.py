"""The questions of the semantics matrix: one concept a file, and their order here."""

from __future__ import annotations

from bn_impls.semantics.asking import Question
from bn_impls.semantics.questions import averages, edges, epsilon, flags, gradients, narrow, replicas, updates, variance

QUESTIONS: tuple[Question, ...] = (
    *epsilon.QUESTIONS,
    *averages.QUESTIONS,
    *variance.QUESTIONS,
    *updates.QUESTIONS,
    *edges.QUESTIONS,
    *gradients.QUESTIONS,
    *flags.QUESTIONS,
    *narrow.QUESTIONS,
    *replicas.QUESTIONS,
)
BY_KEY = {question.key: question for question in QUESTIONS}
