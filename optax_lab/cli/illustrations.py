# A study's figures: of the search, and of what is reported at each schedule.

from collections.abc import Sequence
from typing import Any

import numpy as np

from optax_lab.cli import findings
from optax_lab.studies import targets
from optax_lab.studies.plan import Contender
from optax_lab.studies.results import Study
from optax_lab.studies.study import Task
from optax_lab.views import figures

_SO_FAR = "best so far/validation accuracy"


def of_search(
    everyone: Sequence[Contender], task: Task, found: Study
) -> dict[str, Any]:
    """Draws what the learning rate matters, and what more tries bring."""
    rates, values = {}, {}
    for contender in everyone:
        runs = found.of(contender.name, "tune")
        points = findings.values_of_points(runs, task)
        if points:
            first = {run.point: run.hypers["learning_rate"] for run in runs}
            rates[contender.name] = np.array([first[k] for k in points])
            values[contender.name] = np.array(list(points.values()))
    if not rates:
        return {}
    label = "validation accuracy"
    return {
        "sensitivity": figures.sensitivity(rates, values, label=label),
        "tuning": figures.tuning_curve(values, label=label),
    }


def of_schedule(found: Study, schedule: str) -> dict[str, Any]:
    """Draws the curves of what is reported, its accuracy and its speed."""
    runs = found.reported(schedule)
    if not runs:
        return {}
    curves = {name: findings.curves_of(each) for name, each in runs.items()}
    so_far = {
        name: targets.best_so_far(tags[findings.VALIDATION], best="highest")
        for name, tags in curves.items()
    }
    anytime = {name: {_SO_FAR: v} for name, v in so_far.items()}
    speed = {name: findings.times_of(each).or_inf for name, each in runs.items()}
    tests = findings.tests_of(found, schedule)
    accuracy = {name: 100 * values for name, values in tests.items()}
    drawn = {
        f"accuracy_{schedule}": figures.accuracy_against_speed(speed, accuracy),
        f"curves_{schedule}": figures.learning_curves(curves),
        f"anytime_{schedule}": figures.learning_curves(anytime),
    }
    if len(runs) > 1:
        profile = targets.performance_profile(speed, np.geomspace(1, 4, 41))
        drawn[f"profile_{schedule}"] = figures.profile(profile)
    return drawn
