# Every figure, under one name.
from optax_lab.views.curves import learning_curves, smoothing
from optax_lab.views.responses import responses
from optax_lab.views.style import alt_text, save
from optax_lab.views.surfaces import surface

__all__ = ["alt_text", "learning_curves", "responses", "save", "smoothing", "surface"]
