"""How close a step is to what the machine can do: the work of a pass, the machine's rates, and the limit they set."""
