"""The commands that work from the wheel, one a module: ``add_options(parser)`` and ``act(options)``, the exit code."""
