"""What a case's status means to whoever runs it and to whoever reads its record; ``docs/records.md`` lists them all."""

LASTING = ("ok", "disagrees", "unsupported", "not_installed", "no_device")
"""Of a case that ended so, a resumed run keeps the record; any other it tries again and appends a second one."""
