"""What plan, axis and report share about checkpoints: names, words, and the diagnosis. It imports nothing of theirs."""
