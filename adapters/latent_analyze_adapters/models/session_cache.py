"""Opens each file of a model once, however often model.toml is changed around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze_adapters.models.batches import check_batching

if TYPE_CHECKING:
    from latent_analyze_adapters.models.graph import NetworkSpec, Shape
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import ModelFile, Opener, Session

Key = tuple[object, ...]


class SessionCache:
    """The files and sessions of one model.

    It pickles empty: another process reads the files and opens the sessions again.

    Attributes
    ----------
    opener
        Reads and opens them.
    """

    def __init__(self, opener: Opener) -> None:
        self.opener = opener
        self._files: dict[Key, ModelFile] = {}
        self._sessions: dict[Key, Session] = {}
        self._batching: dict[Key, tuple[int | None, bool, tuple[str, ...]]] = {}

    def file(self, spec: NetworkSpec) -> ModelFile:
        """Return the file of an encoder or decoder; the first call checks and hashes it."""
        fields = {"file", "entry", "arguments", "part", "batch_mode", "constants"}
        key = (spec.model_dump_json(include=fields),)
        if key not in self._files:
            self._files[key] = self.opener.read(spec)
        return self._files[key]

    def session(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Session:
        """Return the session of an encoder or decoder."""
        key = self._key(file, spec, row_shape)
        if key not in self._sessions:
            shared = self._shared(file, spec)
            self._sessions[key] = shared or self.opener.open(file, spec, row_shape)
        return self._sessions[key]

    def _shared(self, file: ModelFile, spec: NetworkSpec) -> Session | None:
        """Return a session of the whole file that is open already, if it has what a spec names."""
        if self.opener.needs_row_shape:
            return None
        named = {spec.input, *(getattr(spec, name, None) for name in ("mu", "log_var", "output"))}
        named |= {*getattr(spec, "further", ())}
        for key, session in self._sessions.items():
            if key[1] == file.sha256 and key[4] == spec.batch_mode and key[5]:
                graph = session.graph
                if named - {None, ""} <= {t.name for t in (*graph.inputs, *graph.outputs)}:
                    return session
        return None

    def check_batching(
        self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None, plan: Plan
    ) -> Plan:
        """Return the plan as `batches.check_batching` does, which depends on the file alone."""
        session = self.session(file, spec, row_shape)
        key = (*self._key(file, spec, row_shape), plan.batch)
        if key not in self._batching:
            checked = check_batching(session, replace(plan, further=()))
            self._batching[key] = checked.batch, checked.repeated, checked.notes[len(plan.notes) :]
        batch, repeated, notes = self._batching[key]
        # Stating the names that were found leads to the same session.
        names = ("mu", "log_var") if plan.role == "encoder" else ("output",)
        named = {"input": plan.input.name, **dict(zip(names, plan.outputs, strict=False))}
        alias = self._key(file, spec.model_copy(update=named), row_shape)
        self._sessions.setdefault(alias, session)
        self._batching.setdefault((*alias, plan.batch), self._batching[key])
        return replace(plan, batch=batch, repeated=repeated, notes=(*plan.notes, *notes))

    def _key(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Key:
        """Return everything that decides what is opened."""
        fields = {
            "entry", "arguments", "part", "batch_mode", "constants", "input", "mu", "log_var",
            "output", "further",
        }  # fmt: skip
        shape = row_shape if self.opener.needs_row_shape else None
        plain = not any(getattr(spec, name, None) for name in ("input", "mu", "log_var", "output"))
        known = spec.model_dump_json(include=fields)
        return (type(spec), file.sha256, known, shape, spec.batch_mode, plain)

    def __reduce__(self) -> tuple[type[SessionCache], tuple[Opener]]:
        return SessionCache, (self.opener,)
