# What all figures have in common. They are built without pyplot: no global state.
import contextlib
import os
import pathlib
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib import artist
from matplotlib import figure as mpl_figure

# Okabe & Ito, Color Universal Design (2008), without the yellow, which white swallows;
# ordered so that neighbours differ in lightness too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", (0, (5, 1.5)), (0, (4, 1.2, 1, 1.2)), (0, (1.2, 1.2)))
GREY = "#595959"

# Large for the figures' width, so that they can be read when 400 pixels wide.
SETTINGS: dict[Any, Any] = {
    "font.size": 14,
    "axes.titlesize": 14,
    "axes.labelsize": 14,
    "legend.fontsize": 14,
    "xtick.labelsize": 13,
    "ytick.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.formatter.limits": (-3, 4),
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes3d.xaxis.panecolor": "white",
    "axes3d.yaxis.panecolor": "white",
    "axes3d.zaxis.panecolor": "white",
    "grid.color": "#D9D9D9",
    "figure.constrained_layout.wspace": 0.06,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "svg.hashsalt": "optax_lab",
}


class Mark(NamedTuple):
    """How one of several things is told apart: three ways, not by colour alone."""

    color: str
    marker: str
    line: Any  # what Matplotlib takes for a line's style


def mark(i: int) -> Mark:
    """Returns the i-th mark."""
    return Mark(
        COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)]
    )


@contextlib.contextmanager
def new_figure(width: float, height: float) -> Iterator[mpl_figure.Figure]:
    """Makes a figure with the house's settings, which hold inside the block."""
    with matplotlib.rc_context(SETTINGS):
        yield mpl_figure.Figure(figsize=(width, height), layout="constrained")


def wrap(text: str, letters: int) -> list[str]:
    """Wraps a text into as few lines as possible, and those about equally long.

    What stands in short brackets stays on one line.
    """
    kept = re.sub(r"\([^()]{,12}\)", lambda found: found[0].replace(" ", "\xa0"), text)
    longest = max(map(len, kept.split(" ")))
    lines = textwrap.wrap(kept, letters)
    for fewer in range(max(longest, letters // 2), letters):
        if len(even := textwrap.wrap(kept, fewer)) == len(lines):
            lines = even
            break
    return [line.replace("\xa0", " ") for line in lines]


def count(n: int, noun: str) -> str:
    """Returns "1 step" or "1,844 steps"."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def title(figure: mpl_figure.Figure, text: str | None) -> None:
    """Puts a title above the figure, in as many lines as its width makes necessary.

    The figure grows by the height of all lines but the first.
    """
    lines = wrap(text or "", int(6.5 * figure.get_figwidth()))
    if lines:
        figure.set_figheight(figure.get_figheight() + 0.3 * (len(lines) - 1))
        figure.suptitle("\n".join(lines))


def legend_below(figure: mpl_figure.Figure, handles: Sequence[artist.Artist]) -> None:
    """Puts the legend under the figure, where it covers no data.

    The figure grows by the legend's height; labels wider than it are wrapped.
    """
    width = int(7.5 * figure.get_figwidth())  # in letters
    labels = [textwrap.fill(str(handle.get_label()), width - 8) for handle in handles]
    longest = max(len(line) for label in labels for line in label.splitlines())
    columns = max(1, min(len(handles), width // (longest + 8)))
    lines = sum(len(label.splitlines()) for label in labels)
    figure.set_figheight(figure.get_figheight() + 0.3 * -(-lines // columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def alt_text(figure: mpl_figure.Figure) -> str:
    """Returns what a figure says to those who cannot see it."""
    return str(figure.get_label())


def save(
    figure: mpl_figure.Figure, path: str | os.PathLike, alt: str | None = None
) -> None:
    """Writes a figure as PNG, SVG or PDF, with its alternative text in the metadata.

    Args:
      figure: Any Matplotlib figure.
      path: Where to; the suffix is the format.
      alt: What the figure says, `alt_text` of it unless given.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"a figure is written as .png, .svg or .pdf, not {suffix!r}")
    key = "Subject" if suffix == ".pdf" else "Description"
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(path, dpi=160, metadata={key: alt or alt_text(figure)})
