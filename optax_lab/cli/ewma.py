# optax-lab ewma: a noisy sine and its moving averages.
import jax
import numpy as np

from optax_lab import ewma
from optax_lab.cli import devices, output
from optax_lab.cli.settings import Ewma
from optax_lab.problems import signals
from optax_lab.reporting import figures
from optax_lab.reporting.tables import Table


def run(settings: Ewma, argv: list[str]) -> int:
    """Smooths the signal with every decay, raw and debiased, and draws it."""
    output.check(settings)
    devices.start("cpu")
    with jax.enable_x64(True):
        signal = _signal(settings)
        curves = _curves(signal.noisy, settings.decay)
        with output.opened(settings, argv) as folder:
            columns = {**signal._asdict(), **curves}
            output.append(folder.path / "metrics.csv", _rows(columns))
            picture = figures.smoothing(signal.x, signal.noisy, signal.clean, curves)
            figures.save(picture, folder.path / "smoothing.png")
    return output.report(settings, [_table(signal, curves)], folder)


def _signal(settings: Ewma) -> signals.Signal:
    wave = (settings.periods, settings.offset, settings.noise)
    sine = jax.jit(lambda key: signals.sine(key, settings.n, *wave))
    return sine(jax.random.key(settings.seed))


def _curves(noisy: jax.Array, decays: tuple[float, ...]) -> dict[str, jax.Array]:
    """Averages with every decay, in one program: it compiles sooner than many."""
    cases = {
        f"{kind} β={decay:g}": (decay, kind == "debiased")
        for decay in decays
        for kind in ("raw", "debiased")
    }

    @jax.jit
    def every(xs):
        return [
            ewma.smooth(xs, decay, debias=debias) for decay, debias in cases.values()
        ]

    return dict(zip(cases, every(noisy), strict=True))


def _rows(columns: dict[str, jax.Array]) -> list[dict[str, float]]:
    table = np.stack([np.asarray(column) for column in columns.values()], axis=1)
    return [dict(zip(columns, row, strict=True)) for row in table.tolist()]


def _table(signal: signals.Signal, curves: dict[str, jax.Array]) -> Table:
    clean = np.asarray(signal.clean)
    rmse = lambda curve: float(np.sqrt(np.mean((np.asarray(curve) - clean) ** 2)))
    every = {"noisy samples": signal.noisy, **curves}
    rows = [{"curve": name, "rmse": rmse(curve)} for name, curve in every.items()]
    shown = [
        {"curve": row["curve"], "distance to the clean signal": f"{row['rmse']:.3f}"}
        for row in rows
    ]
    return Table("results", "Root mean squared distance", rows, shown)
