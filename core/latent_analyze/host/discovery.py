"""Finding plugins: a guarded loop over entry points; one broken plugin stops nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any, Generic, TypeVar

import pluggy

from latent_analyze.errors import LatentAnalyzeError, PluginError, printable, unknown_name
from latent_analyze.files.provenance import code_hash
from latent_analyze.host import hookspecs
from latent_analyze.host.contracts import Adapter, Analysis, Dataset, Sampler, Trainer
from latent_analyze.host.options import Options, build_options
from latent_analyze.host.validation import fault_of

T = TypeVar("T")

KINDS: Mapping[str, tuple[str, type]] = {
    "analysis": ("register_analyses", Analysis),
    "adapter": ("register_adapters", Adapter),
    "dataset": ("register_datasets", Dataset),
    "sampler": ("register_samplers", Sampler),
    "trainer": ("register_trainers", Trainer),
}
"""Kind of plugin -> (hook that registers it, base class)."""


@dataclass(frozen=True)
class Problem:
    """A plugin that could not be used, and why."""

    plugin: str
    distribution: str
    message: str


@dataclass(frozen=True)
class Plugin(Generic[T]):
    """A registered class and where it comes from."""

    name: str
    cls: type[T]
    origin: str
    distribution: str

    @property
    def description(self) -> str:
        """First line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").split("\n")[0]

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with latent-analyze itself."""
        return self.distribution.startswith("latent-analyze ")

    @property
    def source_hash(self) -> str:
        """SHA-256 over the Python files of the plugin's package."""
        cls: Any = self.cls
        return code_hash(cls)

    def make(self, values: Mapping[str, Any]) -> T:
        """Return an instance with validated options."""
        cls: Any = self.cls
        made: T = cls(self.options(values))
        return made

    def options(self, values: Mapping[str, Any]) -> Options:
        """Return the validated options; raises OptionError."""
        cls: Any = self.cls
        options: Options = build_options(cls.Options, values, self.name)
        return options


class Host:
    """Holds the plugins of one program run; there is no global registry.

    Parameters
    ----------
    plugins
        Classes, or modules and objects with classes or hooks, besides the installed ones.
    discover
        Whether to load installed plugins (entry points of the group ``latent_analyze``).
    """

    def __init__(self, plugins: Iterable[object] = (), *, discover: bool = True) -> None:
        self.problems: list[Problem] = []
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._origins: dict[int, tuple[str, str]] = {}
        self._plain: list[tuple[str, Plugin[Any]]] = []
        self._faults: list[tuple[str, str]] = []
        if discover:
            points = sorted(self._entry_points(), key=lambda p: p.name)
            owners = {id(point.dist): point.dist for point in points}
            names = {key: f"{d.name} {d.version}" if d else "unknown" for key, d in owners.items()}
            for point in points:  # a look at a distribution's name reads its metadata again
                self._load(point, names[id(point.dist)])
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__name__)
            self._register(plugin, name, "this program")
        self._classes: dict[str, dict[str, list[Plugin[Any]]]] = {k: {} for k in KINDS}
        for kind in KINDS:
            self._collect(kind)

    @property
    def analyses(self) -> dict[str, Plugin[Analysis]]:
        """Analyses by name."""
        return self._unique("analysis")

    @property
    def adapters(self) -> dict[str, Plugin[Adapter]]:
        """Adapters by name."""
        return self._unique("adapter")

    @property
    def datasets(self) -> dict[str, Plugin[Dataset]]:
        """Data sets by name."""
        return self._unique("dataset")

    @property
    def samplers(self) -> dict[str, Plugin[Sampler]]:
        """Samplers by name."""
        return self._unique("sampler")

    @property
    def trainers(self) -> dict[str, Plugin[Trainer]]:
        """Trainers by name."""
        return self._unique("trainer")

    def get(self, kind: str, name: str) -> Plugin[Any]:
        """Return a plugin by kind and name.

        Raises
        ------
        OptionError
            If there is none of that name; the message gives the nearest names.
        PluginError
            If two distributions register the name.
        """
        found = self._classes[kind].get(name)
        if not found:
            raise self._why_missing(kind, name)
        if len(found) > 1:
            raise _conflict(kind, found)
        return found[0]

    def _why_missing(self, kind: str, name: str) -> LatentAnalyzeError:
        faults = [*self._faults, *((p.plugin, f"one that {p.message}") for p in self.problems)]
        mine = [fault for asked, fault in faults if asked.lower() == name.lower()]
        if mine:
            return PluginError(f"a usable {kind} {name}", found=mine[0])
        return unknown_name(kind, name, self._classes[kind])

    def including(self, classes: Iterable[type]) -> Host:
        """Return a host with further classes, such as those of a notebook cell.

        Raises
        ------
        PluginError
            If one is no plugin, or has the name of an installed one.
        """
        wider = copy(self)
        wider.problems, wider._faults = [], []
        wider._classes = {k: {n: [*p] for n, p in v.items()} for k, v in self._classes.items()}
        for cls in classes:
            for kind, own in _own_classes(cls):
                if any(own is known.cls for known in wider._classes[kind].get(own.name, ())):
                    continue
                wider._add(
                    kind, KINDS[kind][1], Plugin(own.name, own, own.__name__, "this program")
                )
                wider.get(kind, own.name)
        if wider.problems:
            raise PluginError("a complete plugin class", found=wider.problems[0].message)
        wider.problems = self.problems
        return wider

    def _unique(self, kind: str) -> dict[str, Plugin[Any]]:
        return {n: found[0] for n, found in sorted(self._classes[kind].items()) if len(found) == 1}

    def _entry_points(self) -> Iterable[EntryPoint]:
        try:
            return entry_points(group=hookspecs.PROJECT)
        except Exception:
            # The metadata of some distribution is damaged; the others are as good as before.
            return [point for dist in distributions() for point in self._points_of(dist)]

    def _points_of(self, distribution: Distribution) -> Iterable[EntryPoint]:
        try:
            return distribution.entry_points.select(group=hookspecs.PROJECT)
        except Exception as error:
            name = str(distribution.name)
            self._problem(name, name, f"has damaged metadata: {_short(error)}")
            return ()

    def _load(self, point: EntryPoint, distribution: str) -> None:
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:
            self._problem(point.name, distribution, f"cannot be loaded: {_short(error)}")
            return
        self._register(plugin, point.name, distribution)

    def _register(self, plugin: object, name: str, distribution: str) -> None:
        if self._manager.is_registered(plugin):
            return
        try:
            self._manager.register(plugin)
        except Exception as error:
            # Pluggy keeps the hooks that it met before the wrong one.
            if self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            self._problem(name, distribution, f"cannot be registered: {_short(error)}")
            return
        self._origins[id(plugin)] = (name, distribution)
        hooks = self._hooks_of(plugin)
        for hook in sorted(hooks - {hook for hook, _ in KINDS.values()}):
            self._problem(name, distribution, f"implements {hook}, which is no hook")
        if not hooks:
            classes = _own_classes(plugin)
            if not classes:
                self._problem(name, distribution, "holds no plugin: no complete class with a name")
            for kind, cls in classes:
                self._plain.append((kind, Plugin(cls.name, cls, name, distribution)))

    def _hooks_of(self, plugin: object) -> set[str]:
        return {n for n in dir(plugin) if self._manager.parse_hookimpl_opts(plugin, n) is not None}

    def _collect(self, kind: str) -> None:
        hook, base = KINDS[kind]
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            name, distribution = self._origins[id(impl.plugin)]
            try:
                classes = list(impl.function())
            except Exception as error:
                self._problem(name, distribution, f"{hook}() failed: {_short(error)}")
                continue
            for cls in classes:
                self._add(kind, base, Plugin(getattr(cls, "name", ""), cls, name, distribution))
        for plain, plugin in self._plain:
            if plain == kind:
                self._add(kind, base, plugin)
        for found in self._classes[kind].values():
            if len(found) > 1:
                self._problem(found[0].name, found[0].distribution, str(_conflict(kind, found)))

    def _add(self, kind: str, base: type, plugin: Plugin[Any]) -> None:
        fault = fault_of(plugin.cls, base)
        if fault:
            self._faults.append((str(plugin.name), fault))
            self._problem(plugin.origin, plugin.distribution, fault)
            return
        self._classes[kind].setdefault(plugin.name, []).append(plugin)

    def _problem(self, plugin: str, distribution: str, message: str) -> None:
        self.problems.append(Problem(plugin, distribution, printable(message)))


def _own_classes(plugin: object) -> list[tuple[str, Any]]:
    """Return (kind, class) of a class, or of those that a module without hooks defines.

    Of a module these are its public, complete classes with a name, and those of modules below it;
    imported ones and bases do not count.
    """
    if isinstance(plugin, type):
        if not getattr(plugin, "name", ""):
            return []
        return [(kind, plugin) for kind, (_, base) in KINDS.items() if issubclass(plugin, base)]
    if not inspect.ismodule(plugin):
        return []
    unmarked = [name for name in vars(plugin) if name[0] != "_"]
    public: list[str] = getattr(plugin, "__all__", unmarked)
    return [
        (kind, cls)
        for name in public
        for kind, (_, base) in KINDS.items()
        if isinstance(cls := getattr(plugin, name), type)
        and issubclass(cls, base)
        and f"{cls.__module__}.".startswith(f"{plugin.__name__}.")
        and bool(getattr(cls, "name", None))
        and not inspect.isabstract(cls)
    ]


def _conflict(kind: str, found: list[Plugin[Any]]) -> PluginError:
    owners = " and ".join(f"{p.cls.__module__} ({p.distribution})" for p in found)
    return PluginError(
        f"one {kind} called {found[0].name!r}", found=f"it in {owners}",
        next_step="uninstall one of them",
    )  # fmt: skip


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
