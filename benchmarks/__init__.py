"""How implementations are compared: the harness, the four axes, data sets and the report."""
