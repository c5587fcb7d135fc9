"""How far speeds can be trusted: identical and slowed workers, timed against each other as a run times them.

:mod:`recording` fills a pool of real processes and passes, :mod:`trials` draws runs from it, :mod:`rules` and
:mod:`other_rules` judge them, and :mod:`study` counts how often each is wrong. ``docs/calibration.md`` is its page.
"""
