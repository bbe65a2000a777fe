"""What is opened of a model: read, tried out and held once for all readings of its files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze_adapters.models.batches import settle_batch

if TYPE_CHECKING:
    from latent_analyze.plugin import DecoderSpec, EncoderSpec
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import ModelFile, Opener, Session

Key = tuple[object, ...]
Row = tuple[int, ...] | None


class Opened:
    """The files and sessions of one model.

    It pickles as nothing: elsewhere files are read and sessions opened again.

    Attributes
    ----------
    opener
        Reads and opens them.
    """

    def __init__(self, opener: Opener) -> None:
        self.opener = opener
        self._files: dict[Key, ModelFile] = {}
        self._sessions: dict[Key, Session] = {}
        self._settled: dict[Key, tuple[int | None, bool, tuple[str, ...]]] = {}

    def file(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Return the file of an encoder or decoder, checked and hashed the first time."""
        key = (half.model_dump_json(include={"file", "entry", "arguments", "part"}),)
        if key not in self._files:
            self._files[key] = self.opener.read(half)
        return self._files[key]

    def session(self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: Row) -> Session:
        """Return the session of a half."""
        key = self._key(file, half, row)
        if key not in self._sessions:
            self._sessions[key] = self.opener.open(file, half, row)
        return self._sessions[key]

    def settle(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: Row, plan: Plan
    ) -> Plan:
        """Return the plan with what trying out batches told, which no other reading changes."""
        session, key = self.session(file, half, row), (*self._key(file, half, row), plan.batch)
        if key not in self._settled:
            tried = settle_batch(session, plan)
            self._settled[key] = tried.batch, tried.single, tried.notes[len(plan.notes) :]
        batch, single, notes = self._settled[key]
        # With the names stated that were found, it is the same session.
        names = ("mu", "log_var") if plan.role == "encoder" else ("output",)
        named = {"input": plan.input.name, **dict(zip(names, plan.outputs, strict=False))}
        alias = self._key(file, half.model_copy(update=named), row)
        self._sessions.setdefault(alias, session)
        self._settled.setdefault((*alias, plan.batch), self._settled[key])
        return replace(plan, batch=batch, single=single, notes=(*plan.notes, *notes))

    def _key(self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: Row) -> Key:
        """Return all that decides what is opened."""
        fields = {"entry", "arguments", "part", "constants", "input", "mu", "log_var", "output"}
        shape = row if self.opener.takes_rows else None
        return (type(half), file.sha256, half.model_dump_json(include=fields), shape)

    def __reduce__(self) -> tuple[type[Opened], tuple[Opener]]:
        return Opened, (self.opener,)
