"""What a file of PyTorch is, determined without opening it."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Literal

from latent_analyze_adapters.runtimes.torch.weights import not_torch

PROGRAM_SUFFIX = ".pt2"
Kind = Literal["exported program", "TorchScript", "state dict", "pickled module"]
HEAD = 4096
"""Bytes of a pickle in which its first object is named."""


def kind_of(path: Path) -> Kind:
    """Return the kind of a file, by the names in its archive and the head of its pickle.

    Raises
    ------
    ModelError
        If it is no file of PyTorch.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            head = b""
            if pickles:
                with archive.open(pickles[0]) as stream:
                    head = stream.read(HEAD)
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
        raise not_torch(path, error) from None
    if any(name in ("archive_format", "serialized_exported_program.json") for name in names):
        return "exported program"
    if path.suffix.lower() == PROGRAM_SUFFIX:
        # A truncated program may look like one of the archives of tensors inside it.
        raise not_torch(path, ValueError("not an exported program"))
    if any(name.startswith("code/") for name in names):
        return "TorchScript"
    return (
        "state dict" if _first_object(head) in ("", "collections OrderedDict") else "pickled module"
    )


def _first_object(head: bytes) -> str:
    """Return the class that a pickle begins with, or an empty text for a dictionary or tensor."""
    try:
        for operation, argument, _ in pickletools.genops(head):
            if operation.name == "GLOBAL":
                name = str(argument)
                return "" if name.startswith("torch._") else name
            if operation.name not in ("PROTO", "FRAME"):
                return ""
    # Damaged pickles raise errors of many kinds.
    except Exception:
        return ""
    return ""
