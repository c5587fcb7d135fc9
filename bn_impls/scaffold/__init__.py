"""What ``bn-bench new`` writes: templates, in which ``@MODULE@`` and ``@NAME@`` stand for the chosen name."""
