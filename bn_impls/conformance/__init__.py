"""Is this batch normalization right? Checks by value, each with the likely mistake in its message.

``kit`` lists the checks, one module a concept holds them, ``diagnosis`` names the mistake, ``runner`` runs them in a
process of their own, and ``pytest`` makes tests of them.
"""
