"""How far speeds can be trusted: identical and slowed workers, timed against each other as a run times them.

:mod:`recording` fills a pool of real processes and passes, :mod:`trials` draws runs of the default size from it,
:mod:`rules` judges them, and :mod:`study` counts how often each rule is wrong. ``docs/calibration.md`` is its page.
"""
