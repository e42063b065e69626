# One frozen dataclass per command: its options, its help and its manifest are these.
import dataclasses
import math
from pathlib import Path
from typing import ClassVar, Literal

import tyro

Names = tyro.conf.Positional[tuple[str, ...]]
Schedule = Literal["constant", "cosine", "warmup_cosine"]
Figure = Literal["surface", "curves", "state", "rates", "heat", "tuned"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the results of any command go."""

    command: ClassVar[str]
    # What a manifest does not pass on: a replay writes elsewhere.
    local: ClassVar[tuple[str, ...]] = ("out", "force", "json", "csv", "config")

    out: Path | None = None
    """The folder to write, runs/<command>-<time> unless said."""
    force: bool = False
    """Replaces the results of an earlier run in the folder."""
    json: bool = False
    """Prints one JSON document instead of tables."""
    csv: bool = False
    """Prints comma-separated values instead of tables."""
    config: Path | None = None
    """A manifest.json of an earlier run: its settings become the defaults."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range, before JAX is loaded."""
        if self.json and self.csv:
            raise ValueError("--json and --csv exclude each other: give one")

    def at_least(self, least: int, *names: str) -> None:
        """Raises ValueError unless the named whole numbers reach `least`."""
        for name in names:
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{_flag(name)} {value}: must be at least {least}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ewma(Settings):
    """Smooths a noisy sine with the moving average, raw and debiased.

    Example: optax-lab ewma --decay .9 .98
    """

    command: ClassVar[str] = "ewma"
    decay: tuple[float, ...] = (0.95,)
    """β, the share of the average that is kept at each step: one or more."""
    n: int = 400
    """How many samples."""
    periods: float = 1.0
    """How many periods of the sine."""
    offset: float = 2.0
    """What is added to the sine."""
    noise: float = 1.0
    """Half the width of the uniform noise."""
    seed: int = 0
    """The seed of the noise."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range."""
        super().check()
        self.at_least(2, "n")
        self.at_least(0, "seed")
        _check_seed(self.seed)
        if not self.decay or not all(0 <= decay < 1 for decay in self.decay):
            given = " ".join(f"{decay:g}" for decay in self.decay)
            raise ValueError(f"--decay {given}: one or more numbers in [0, 1)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descend(Settings):
    """Runs optimizers down a surface and draws their paths.

    Without names: the lab's gradient descent, momentum, RMSProp and Adam.

    Example: optax-lab descend 'sgd(9.09)' 'adam(.1)' --rotate 45 --figure surface tuned

    Example: optax-lab descend momentum --grid learning_rate=1:300:60 decay=0:.99:40
    """

    command: ClassVar[str] = "descend"
    optimizers: Names = ()
    """Such as adam, 'sgd(.1, momentum=.9)', optax.lion or mypkg.optim:mine."""
    surface: str = "quadratic"
    """Such as rosenbrock or 'shift(ackley, 1)'; `optax-lab info` lists them."""
    rotate: float = 0.0
    """By how many degrees the surface is turned."""
    condition: float | None = None
    """Its condition number, for surfaces that take one."""
    noise: float = 0.0
    """The standard deviation of noise in every coordinate of the gradient."""
    start: tuple[float, ...] | None = None
    """Where to start; the surface's own point unless said."""
    starts: int | None = None
    """Runs from so many starts besides, drawn from the surface's window."""
    seed: int = 0
    """The seed of the starts and of the noise."""
    grid: tuple[str, ...] = ()
    """Runs every combination: learning_rate=1e-3:10:41 b1=0:.99:20, for example."""
    target: float | None = None
    """The value that is waited for; 1e-6 above the best one unless said."""
    figure: tuple[Figure, ...] | None = None
    """Which to draw; the surface unless said, and a grid's heat map and rates."""
    animate: bool = False
    """Draws the paths as they grow, into descend.gif."""
    steps: int = 10_000
    """How many steps at most."""
    stop: Literal["gradient", "step", "never"] | None = None
    """What must fall to the tolerance: the gradient's norm unless said."""
    tolerance: float | None = None
    """1e-6 unless said."""
    lab: bool = False
    """The lab's rule: from (-2, -2), stop when a step is shorter than 1e-4."""
    device: Literal["auto", "cpu", "gpu"] = "cpu"
    """A path on a surface is fastest on the CPU."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range."""
        super().check()
        self.at_least(1, "steps")
        self.at_least(0, "seed")
        _check_seed(self.seed)
        if self.starts is not None:
            self.at_least(1, "starts")
        for name in ("rotate", "condition", "noise", "target"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"--{name} {value:g}: must be finite")
        if self.noise < 0:
            raise ValueError(f"--noise {self.noise:g}: must be at least 0")
        if self.start is not None and not all(map(math.isfinite, self.start)):
            given = " ".join(f"{x:g}" for x in self.start)
            raise ValueError(f"--start {given}: must be finite")
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise ValueError(f"--tolerance {self.tolerance:g}: must be in [0, ∞)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Settings):
    """What every training on MNIST-1D needs to know."""

    epochs: int = 100
    """How often the training set is gone through."""
    batch_size: int = 100
    """Examples per step; the training set has 4000."""
    validation_size: int = 10_000
    """Fresh examples for validation; the first 2000 are measured at every epoch."""
    test_size: int = 10_000
    """Fresh examples for the test at the end, beside the frozen 1000."""
    shift: int = 0
    """Turns every training signal in a circle, by up to so many places at random."""
    lab: bool = False
    """The lab's order: no shuffling, the frozen test set measured at every epoch."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range."""
        super().check()
        self.at_least(1, "epochs", "batch_size", "validation_size", "test_size")
        self.at_least(0, "shift")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(Training):
    """Trains the lab's residual network on MNIST-1D with one optimizer.

    Example: optax-lab train 'adam(1e-3, b1=.8)' --epochs 20
    """

    command: ClassVar[str] = "train"
    optimizer: tyro.conf.Positional[str] = "sgd(0.05)"
    """Such as adam, 'sgd(.1, momentum=.9)', optax.lion or mypkg.optim:mine."""
    seed: int = 0
    """The seed of the initial parameters and of the batches."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range."""
        super().check()
        self.at_least(0, "seed")
        _check_seed(self.seed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compare(Training):
    """Trains with several optimizers and paired seeds, and says what differs.

    Without names: the lab's SGD, SGD with momentum, RMSProp and Adam.

    With a budget that searches, every optimizer's hyperparameters are searched first,
    at the same points for all, and what was chosen is reported with other seeds.

    Example: optax-lab compare adam 'adam(1e-3, b1=.8)' --seeds 5 --epochs 20

    Example: optax-lab compare adam sgd mypkg.optim:mine --budget smoke
    """

    command: ClassVar[str] = "compare"
    local: ClassVar[tuple[str, ...]] = (*Settings.local, "dry_run", "resume")
    optimizers: Names = ()
    """Such as adam, 'sgd(.1, momentum=.9)', optax.lion or mypkg.optim:mine."""
    budget: Literal["none", "smoke", "standard", "full"] = "none"
    """Searches 0, 8, 32 or 64 points for each, with its own epochs unless said."""
    seeds: int = 10
    """How many trainings per optimizer are reported; a budget has its own number."""
    test_size: int = 50_000
    """Fresh examples for the test at the end, beside the frozen 1000."""
    space: tuple[str, ...] = ()
    """What is searched besides or instead, such as b1=.8:.99, where it is taken."""
    schedule: tuple[Schedule, ...] | None = None
    """Of the learning rate, besides a budget's; the search uses the first one."""
    dry_run: bool = False
    """Says what the study would cost on this machine, and runs a short probe only."""
    resume: bool = False
    """Goes on with the study in --out: only what is missing is run."""

    def check(self) -> None:
        """Raises ValueError where a value is out of range."""
        super().check()
        self.at_least(1, "seeds")
        if self.space and self.budget == "none":
            raise ValueError("--space: needs a --budget that searches")
        if self.resume and self.out is None:
            raise ValueError("--resume: needs --out, the folder of the study")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(Settings):
    """Writes a study, the study.db of compare, as plain CSV and JSON.

    Example: optax-lab export runs/compare-20260101-120000
    """

    command: ClassVar[str] = "export"
    study: tyro.conf.Positional[Path | None] = None
    """The study's folder, or its file; needed unless --config says it."""

    def check(self) -> None:
        """Raises ValueError where a value is missing or out of range."""
        super().check()
        if self.study is None:
            raise ValueError("export: name the study's folder, or its file")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anatomy(Settings):
    """Says what optimizers keep, and measures how long it remembers, by running them.

    Without names: a table of every optimizer of ours, which takes a minute.

    Example: optax-lab anatomy 'adam(b1=.8)' optax.lion
    """

    command: ClassVar[str] = "anatomy"
    optimizers: Names = ()
    """Such as adam, 'sgd(.1, momentum=.9)', optax.lion or mypkg.optim:mine."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the parameters that the bytes are counted for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explain:
    """Says what an optimizer is in PyTorch, Keras and Optax, and converts its calls.

    Without names: a table of every optimizer.

    Example: optax-lab explain rmsprop pytorch optax
    """

    command: ClassVar[str] = "explain"
    names: Names = ()
    """An optimizer, or an optimizer and two of pytorch, keras and optax."""
    json: bool = False
    """Prints one JSON document instead of text."""

    def check(self) -> None:
        """Raises ValueError unless there are as many names as there must be."""
        if len(self.names) not in (0, 1, 3):
            given = " ".join(self.names)
            raise ValueError(
                f"explain {given}: name an optimizer, or an optimizer and two of "
                "pytorch, keras and optax"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """Checks optimizers against what all of ours keep, and names the case that fails.

    Without names: every optimizer of ours, which takes minutes.

    Example: optax-lab check mypkg.optim:mine
    """

    command: ClassVar[str] = "check"
    optimizers: Names = ()
    """Such as adam, 'sgd(.1, momentum=.9)', optax.lion or mypkg.optim:mine."""
    json: bool = False
    """Prints one JSON document instead of tables."""

    def check(self) -> None:
        """Has nothing to check."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Info:
    """Shows versions, devices, folders, and every optimizer and surface."""

    command: ClassVar[str] = "info"
    json: bool = False
    """Prints one JSON document instead of tables."""

    def check(self) -> None:
        """Has nothing to check."""


_KINDS = (Ewma, Descend, Train, Compare, Export, Anatomy, Explain, Check, Info)
COMMANDS = {kind.command: kind for kind in _KINDS}


def typed(argv: list[str], flag: str) -> bool:
    """Says whether a flag is among what was typed."""
    return any(word == flag or word.startswith(f"{flag}=") for word in argv)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_seed(seed: int) -> None:
    if seed >= 2**32:
        raise ValueError(f"--seed {seed}: must be below 2³²")
