"""What the inputs of a model get besides its main one."""

from __future__ import annotations

from dataclasses import dataclass, field

from latent_analyze.plugin import Choice


@dataclass
class Filled:
    """What the inputs besides the main one get, as model.toml states it, and how that is known."""

    constants: dict[str, int | float | list[int | float]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)

    def constant(self, key: str, value: float, why: str) -> None:
        """Give every row the same number."""
        self.constants[key.rpartition(".")[2]] = value
        self.choices.append(Choice(key=key, value=f"{value:g}", known="assumed", why=why))

    def column(self, key: str, name: str, why: str) -> None:
        """Give each row its own value of a label or array of the data."""
        self.columns[key.rpartition(".")[2]] = name
        self.choices.append(Choice(key=key, value=repr(name), known="data", why=why))

    @property
    def changes(self) -> dict[str, object]:
        """All but the choices, as fields of an encoder or a decoder."""
        return {"constants": self.constants, "columns": self.columns, "classes": self.classes}
