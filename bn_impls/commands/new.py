"""``bn-bench new``: an implementation that passes ``check``, to be changed into one's own."""

from __future__ import annotations

import argparse
import keyword
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from bn_impls.errors import BadTarget
from bn_impls.registry import descriptors

TEMPLATES = {
    "{module}.py": "implementation.py.txt",
    "{module}_descriptor.py": "descriptor.py.txt",
    "test_{module}.py": "test.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="of the module to write, a Python identifier such as my_bn")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder that the files go into (default: a new one called NAME)"
    )


def act(options: argparse.Namespace) -> int:
    """Write the files, all or none."""
    module: str = options.name
    _refuse_what_is_no_name(module)
    folder: Path = options.output if options.output is not None else Path(module)
    targets = {folder / name.format(module=module): template for name, template in TEMPLATES.items()}
    for path in targets:
        if path.exists() or path.is_symlink():
            raise BadTarget(f"{path} exists and is not overwritten; choose another NAME, or another --output DIR")
    _refuse_what_is_taken(module)
    texts = {path: _filled(template, module) for path, template in targets.items()}
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with open(path, "x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise BadTarget(f"{folder} cannot be written: {error}; choose another --output DIR") from error
    for path in texts:
        print(path)
    there = [] if folder.resolve() == Path.cwd() else [f"cd {folder}"]  # the module is looked for there
    print("\nnext:", *there, f"bn-bench check {module}:IMPLEMENTATION", "python -m pytest", sep="\n  ")
    return 0


def _filled(template: str, module: str) -> str:
    text = (files("bn_impls.scaffold") / template).read_text(encoding="utf-8")
    return text.replace("@MODULE@", module).replace("@NAME@", _registered(module))


def _registered(module: str) -> str:
    return module.replace("_", "-").strip("-").lower()


def _refuse_what_is_no_name(name: str) -> None:
    if not (name.isidentifier() and name.isascii() and name.strip("_")):
        raise BadTarget(f"{name!r} is no module's name; it should be a Python identifier in ASCII, such as my_bn")
    if keyword.iskeyword(name):
        raise BadTarget(f"{name!r} is a keyword of Python, but should be a name of your own, such as my_{name}")


def _refuse_what_is_taken(name: str) -> None:
    if _registered(name) in {_registered(known) for known in descriptors()}:
        raise BadTarget(f"the name {_registered(name)!r} is taken: `bn-bench list` shows it; choose another")
    try:
        found = find_spec(name)
        taken = found is not None and found.origin is not None
    except ValueError:  # of a module without a specification, as __main__
        taken = True
    if taken:
        raise BadTarget(f"a module {name!r} can be imported already, and yours would hide it; choose another name")
