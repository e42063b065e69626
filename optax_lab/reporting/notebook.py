# A figure as a notebook's output, with the words for those who cannot see it.

import base64
import io
from typing import Any

import matplotlib
from matplotlib import figure as mpl_figure
from PIL import Image, PngImagePlugin

from optax_lab.reporting import style

DPI = 100
COLORS = 128  # in a picture: a third of the bytes, and no difference that is seen


class Shown:
    """Holds a figure that a notebook shows: the value of a cell's last line."""

    def __init__(self, png: bytes, alt: str):
        self.png, self.alt = png, alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        image = base64.b64encode(self.png).decode()
        data = {"image/png": image, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def show(figure: mpl_figure.Figure, alt: str | None = None) -> Shown:
    """Returns what a notebook shows of a figure, with its alternative text.

    Args:
      figure: any Matplotlib figure.
      alt: what the figure says; `figures.alt_text` of it unless given.

    Raises:
      ValueError: if the figure says nothing about itself and `alt` is not given.
    """
    alt = alt or style.alt_text(figure)
    if not alt:
        raise ValueError("alt must say what the figure shows: this one has no text")
    file = io.BytesIO()
    with matplotlib.rc_context(style.SETTINGS):
        figure.savefig(file, format="png", dpi=DPI)
    return Shown(_small(file, alt), alt)


def _small(file: io.BytesIO, alt: str) -> bytes:
    """Returns a picture with few colours, which says what it shows."""
    words, small = PngImagePlugin.PngInfo(), io.BytesIO()
    words.add_itxt("Description", alt)
    picture = Image.open(file).convert("RGB").quantize(COLORS)
    picture.save(small, format="png", pnginfo=words, dpi=(DPI, DPI), optimize=True)
    return small.getvalue()
