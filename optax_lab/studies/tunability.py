# How much tuning an optimizer takes: what k tries find, and how wide a good rate is.

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from optax_lab.studies import resolution

Values = Float[np.ndarray, " points"] | list[float]
Best = Literal["lowest", "highest"]

_SIGNS = {"lowest": 1, "highest": -1}
_ROUNDING = 1e-12  # of a probability that should meet a quantile exactly


class Sensitivity(NamedTuple):
    """Holds how much the learning rate matters.

    Attributes:
      best_rate: the rate with the best score, the smallest of several.
      best: that score.
      width_decades: log₁₀(high / low).
      low: the smallest rate, without a gap up to the best one, that is good enough.
      high: the largest one.
      diverged: the share of the rates that diverged.
      at_edge: whether the best rate is the first or the last one.
      low_censored: whether rates are good down to the first one, so that the true
        `low` may lie beyond it.
      high_censored: whether they are good up to the last one.
    """

    best_rate: float
    best: float
    width_decades: float
    low: float
    high: float
    diverged: float
    at_edge: bool
    low_censored: bool
    high_censored: bool


def sign(best: str) -> int:
    """Returns what scores are multiplied with, so that lower ones are better.

    Raises:
      ValueError: if it is not said which scores are best.
    """
    if best not in _SIGNS:
        raise ValueError(f"best must be 'lowest' or 'highest', got {best!r}")
    return _SIGNS[best]


def best_of_k(scores: Values, *, best: Best = "lowest") -> Float[np.ndarray, " points"]:
    """Returns the expected best of k of K points, for k = 1 … K: exact, no resampling.

    Of scores s₁ ≤ … ≤ s_K, k are drawn without replacement:

        E[best of k] = Σᵢ sᵢ · C(K − i, k − 1) / C(K, k)

    What diverged is nan or infinitely bad. The mean is so too while k tries may all
    diverge, and finite from then on.

    Args:
      scores: what each point of a search is worth, in any order.
      best: whether the lowest or the highest score is the best.

    Raises:
      ValueError: if there are no scores, or one is infinitely good.

    >>> best_of_k([3.0, 1.0, 2.0]).round(2).tolist()
    [2.0, 1.33, 1.0]
    """
    losses = np.sort(_losses(scores, best))
    found = -np.diff(_missed(len(losses)), axis=0)  # P(the best of k is the i-th)
    finite = np.isfinite(losses)
    means = np.where(finite, losses, 0.0) @ found[:, 1:]
    means[: int((~finite).sum())] = np.inf
    return sign(best) * means


def quantile_of_k(
    scores: Values, q: float = 0.5, *, best: Best = "lowest"
) -> Float[np.ndarray, " points"]:
    """Returns what the best of k of K points reaches with probability q, for k = 1 … K.

    It is the best score s with P(best of k is as good as s) ≥ q, where of the sorted
    scores P(best of k is as good as sᵢ) = 1 − C(K − i, k) / C(K, k). A large q asks for
    certainty. Unlike the mean it is finite as soon as so many draws do not diverge.

    Raises:
      ValueError: as for `best_of_k`, or if q is not between 0 and 1.

    >>> quantile_of_k([3.0, 1.0, 2.0, np.inf]).tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    if not 0 < q < 1:
        raise ValueError(f"q must be between 0 and 1, got {q}")
    losses = np.sort(_losses(scores, best))
    chances = 1 - _missed(len(losses))[1:, 1:]
    return sign(best) * losses[(chances >= q - _ROUNDING).argmax(axis=0)]


def rate_sensitivity(
    rates: Values, scores: Values, *, within: float = 0.05, best: Best = "lowest"
) -> Sensitivity:
    """Measures over how many decades a learning rate is nearly as good as the best.

    Good enough is a score ≤ (1 + ε) · best where the lowest is best, and one
    ≥ (1 − ε) · best where the highest is; ε is `within`. The width is that of the
    good rates around the best one without a gap. Between two rates of the grid the
    score is taken as linear in log(rate); next to a rate that diverged nothing is.

    If every rate diverged, there is no best rate: the width is 0, the rates are nan.

    Args:
      rates: the learning rates, rising.
      scores: what each is worth: nan or infinitely bad where it diverged.
      within: ε, between 0 and 1.
      best: whether the lowest or the highest score is the best.

    Raises:
      ValueError: if the rates do not rise from above 0 or are not as many as the
        scores, or if the best score is negative: a share of it says nothing.
    """
    rates, losses = np.asarray(rates, float), _losses(scores, best)
    _check_rates(rates, losses, within)
    k = int(np.argmin(losses))
    value, diverged = float(sign(best) * losses[k]), float(np.isinf(losses).mean())
    if diverged == 1:
        nowhere = (np.nan, value, 0.0, np.nan, np.nan)
        return Sensitivity(*nowhere, diverged, False, False, False)
    if value < 0:
        raise ValueError(f"the best score must be at least 0, got {value}")
    limit = float(losses[k]) * (1 + sign(best) * within)
    limit += abs(limit) * resolution.relative(scores)  # a score there is good enough
    low, low_censored = _crossing(rates[k::-1], losses[k::-1], limit)
    high, high_censored = _crossing(rates[k:], losses[k:], limit)
    width = float(np.log10(high / low))
    at_edge = k in (0, len(rates) - 1)
    around = (float(rates[k]), value, width, low, high)
    return Sensitivity(*around, diverged, at_edge, low_censored, high_censored)


def _losses(scores: Values, best: Best) -> np.ndarray:
    """Returns scores as losses, lower being better: inf where they diverged."""
    losses = sign(best) * np.asarray(scores, float)
    if not losses.size:
        raise ValueError("there are no scores: give at least one")
    losses = np.where(np.isnan(losses), np.inf, losses)
    if np.isneginf(losses).any():
        raise ValueError(f"no score can be infinitely good, got {sign(best) * -np.inf}")
    return losses


def _missed(points: int) -> np.ndarray:
    """Returns P(k draws miss the best i) = C(K − i, k) / C(K, k) at [i, k], from 0 on.

    As the product over j < k of (K − i − j) / (K − j), which overflows nowhere.
    """
    drawn = np.arange(points)
    left = np.arange(points, -1, -1)[:, None]
    ratios = np.clip(left - drawn, 0, None) / (points - drawn)
    return np.cumprod(np.insert(ratios, 0, 1.0, axis=1), axis=1)


def _check_rates(rates: np.ndarray, losses: np.ndarray, within: float) -> None:
    if rates.shape != losses.shape:
        lengths = f"{len(rates)} rates and {len(losses)} scores"
        raise ValueError(f"every rate must have a score, got {lengths}")
    if not (rates[0] > 0 and (np.diff(rates) > 0).all()):
        raise ValueError(f"rates must rise from above 0, got {rates.tolist()}")
    if not 0 < within < 1:
        raise ValueError(f"within must be between 0 and 1, got {within}")


def _crossing(
    rates: np.ndarray, losses: np.ndarray, limit: float
) -> tuple[float, bool]:
    """Returns the rate at which losses pass a limit, or the last one and True."""
    above = np.flatnonzero(losses > limit)
    if not len(above):
        return float(rates[-1]), True
    i = above[0]
    share = (limit - losses[i - 1]) / (losses[i] - losses[i - 1])  # 0 beside an inf
    return float(rates[i - 1] * (rates[i] / rates[i - 1]) ** share), False
