"""Every figure, under one name, and each loaded when it is first drawn.

A film needs Matplotlib's animation and an interval needs SciPy; what draws neither
does not wait for them.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.reporting.animation import animate
    from optax_lab.reporting.curves import learning_curves, smoothing
    from optax_lab.reporting.descents import descent_curves
    from optax_lab.reporting.heat_maps import heat_map
    from optax_lab.reporting.multiples import multiples
    from optax_lab.reporting.notebook import show
    from optax_lab.reporting.reached import (
        accuracy_against_speed,
        profile,
        shares_reached,
    )
    from optax_lab.reporting.responses import responses
    from optax_lab.reporting.search import sensitivity
    from optax_lab.reporting.states import states
    from optax_lab.reporting.style import alt_text, save
    from optax_lab.reporting.surfaces import surface
    from optax_lab.reporting.tries import tuning_curve

_MODULES = {
    "accuracy_against_speed": "reached",
    "alt_text": "style",
    "animate": "animation",
    "descent_curves": "descents",
    "heat_map": "heat_maps",
    "learning_curves": "curves",
    "multiples": "multiples",
    "profile": "reached",
    "responses": "responses",
    "save": "style",
    "sensitivity": "search",
    "shares_reached": "reached",
    "show": "notebook",
    "smoothing": "curves",
    "states": "states",
    "surface": "surfaces",
    "tuning_curve": "tries",
}

__all__ = [
    "accuracy_against_speed",
    "alt_text",
    "animate",
    "descent_curves",
    "heat_map",
    "learning_curves",
    "multiples",
    "profile",
    "responses",
    "save",
    "sensitivity",
    "shares_reached",
    "show",
    "smoothing",
    "states",
    "surface",
    "tuning_curve",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach("optax_lab.reporting", _MODULES, __name__)
