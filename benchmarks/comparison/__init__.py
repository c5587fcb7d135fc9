"""Two runs side by side: what became faster or slower, what got worse, and whether the machines were the same.

It reads two run folders and nothing else, and imports no machine-learning framework, so that runs of any machine can be
compared on any other.
"""
