"""What is done to a checkpoint on purpose, and how it can end."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "bit_flip": "one bit flipped",
    "truncated": "a file cut short",
    "empty": "a file emptied",
    "removed": "a file removed",
    "foreign": "a file of another kind in a file's place",
    "hostile": "a pickle that runs code, a zip bomb or a path that leaves the folder in a file's place",
    "directory": "a directory in a file's place",
    "unreadable": "a file that may not be read",
    "wrong_shape": "saved from a layer of other size",
    "wrong_dtype": "saved from a layer of another dtype",
    "missing_variable": "saved from a layer without gamma",
    "extra_variable": "saved from a layer with gamma, restored into one without",
    "disk_full": "no space left while saving over an earlier checkpoint",
    "killed": "killed while saving over an earlier checkpoint",
    "two_writers": "saved by two processes at once",
}
"""Kind of damage -> what happened to the checkpoint."""

REFUSED, IDENTICAL, WRONG, CRASHED = "refused", "identical", "wrong", "crashed"
ENDS: Mapping[str, str] = {
    REFUSED: "refused with an error",
    IDENTICAL: "restored to the bit: the damage hit nothing that counts",
    WRONG: "restored without complaint, and wrong",
    CRASHED: "the process crashed or hung",
}
"""How a trial ended -> in words."""
