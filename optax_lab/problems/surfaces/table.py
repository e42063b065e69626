# Every surface, by its name.

from collections.abc import Callable

from optax_lab.problems.surfaces import basins, bowls, models, saddles, valleys
from optax_lab.problems.surfaces.surface import Surface

SURFACES: dict[str, Callable[..., Surface]] = {
    "quadratic": bowls.quadratic,
    "sphere": bowls.sphere,
    "booth": bowls.booth,
    "matyas": bowls.matyas,
    "absolute": bowls.absolute,
    "quartic": bowls.quartic,
    "log_sum_exp": bowls.log_sum_exp,
    "rosenbrock": valleys.rosenbrock,
    "beale": valleys.beale,
    "goldstein_price": valleys.goldstein_price,
    "three_hump_camel": valleys.three_hump_camel,
    "six_hump_camel": valleys.six_hump_camel,
    "mccormick": valleys.mccormick,
    "himmelblau": basins.himmelblau,
    "branin": basins.branin,
    "rastrigin": basins.rastrigin,
    "ackley": basins.ackley,
    "styblinski_tang": basins.styblinski_tang,
    "levy13": basins.levy13,
    "easom": basins.easom,
    "griewank": basins.griewank,
    "bohachevsky": basins.bohachevsky,
    "saddle": saddles.saddle,
    "monkey_saddle": saddles.monkey_saddle,
    "noisy_quadratic": models.noisy_quadratic,
    "rosenbrock_chain": valleys.rosenbrock_chain,
    "least_squares": models.least_squares,
    "factorisation": models.factorisation,
}
