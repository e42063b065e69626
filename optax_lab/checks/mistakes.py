# Mistakes that are often made: what they look like, and a hint that is not the answer.

import itertools
from collections.abc import Iterable, Sequence

HINTS: dict[str, tuple[str, str]] = {
    "no_weight": (
        "a new value that is added whole: the weight 1 − ρ is missing",
        "the weights of the old and the new value must sum to 1.",
    ),
    "no_weight_r": (
        "a square that is added whole: the weight 1 − ρ is missing in r",
        "the weights of the old and the new value must sum to 1.",
    ),
    "swapped": (
        "ρ and 1 − ρ in each other's place",
        "a large ρ is a long memory: which of the two does it keep?",
    ),
    "plus": (
        "a plus where a minus belongs",
        "g points up the slope; which way is down?",
    ),
    "plus_power": (
        "1 + ρᵗ where 1 − ρᵗ belongs",
        "after one step the average is (1 − ρ)·y; divided by what is it y?",
    ),
    "delta_outside": (
        "δ outside the root",
        "here δ is added to what the root is taken of. How large is √δ?",
    ),
    "no_square": (
        "an average of g, where one of its square is asked for",
        "gradients of both signs cancel in their mean. What measures their size?",
    ),
    "no_root": (
        "a division without the root",
        "r is in units of g². In which units must the denominator be?",
    ),
    "early": (
        "an exponent that is one too small",
        "before anything has been averaged, ρ⁰ = 1 is what is missing; after one step?",
    ),
    "late": (
        "an exponent that is one too large",
        "the first step has t = 1: how often has ρ been multiplied by then?",
    ),
    "no_correction": (
        "an average that is not corrected for its start at 0",
        "after one step only the share 1 − ρ of the average has come from the data.",
    ),
    "fed_back": (
        "a corrected average that is handed on to the next step",
        "the correction is for the reader. Which of the two goes on being averaged?",
    ),
    "old": (
        "a step along the average from before this gradient",
        "in which order are the average and the step taken?",
    ),
    "no_memory": (
        "a step along g alone",
        "the average is computed; is it used?",
    ),
    "one_rho": (
        "one ρ for both averages",
        "v and r have a memory of their own each.",
    ),
    "rhos_swapped": (
        "ρ₁ and ρ₂ in each other's place",
        "the direction may change quickly, its scale should not: which ρ is larger?",
    ),
    "not_handed_on": (
        "an average that is not returned",
        "what does the next step need to know?",
    ),
    "uphill": (
        "a step up the slope: its sign is turned",
        "an optimizer returns what is added to the weights. Which way is down?",
    ),
    "another": (
        "an optimizer that is asked for under another name",
        "which name belongs to which optimizer?",
    ),
    "no_momentum": (
        "gradient descent without momentum",
        "the same function makes both. Which of its arguments says what is kept?",
    ),
    "average_form": (
        "momentum as an average, whose steps become ten times shorter",
        "here gradients are summed: a new one enters whole. Which function sums?",
    ),
    "nesterov": (
        "momentum in Nesterov's form, which looks one step ahead",
        "the plain heavy ball is asked for.",
    ),
    "small_rate": (
        "momentum with the learning rate of Adam",
        "here the gradient's size counts in the step, as in SGD.",
    ),
    "explodes": (
        "RMSProp at 0.01, where its first steps blow the loss up",
        "its average starts at 0, so the first step is even longer than the rate.",
    ),
    "sgd_rate": (
        "an adaptive method with the learning rate of SGD",
        "its steps are about one rate long however small the gradient is.",
    ),
    "from_zero": (
        "an epoch that is counted from 0",
        "after the first epoch one epoch is done.",
    ),
    "never_is_first": (
        "the first epoch where the target is never reached",
        "the largest of nothing but False is the first of them. Who asks whether any?",
    ),
    "strictly": (
        "a target that must be exceeded",
        "an accuracy that is equal to the target has reached it.",
    ),
    "last": (
        "the last epoch that reaches the target",
        "accuracy goes up and down. Which of the epochs that reach it is asked for?",
    ),
    "value": (
        "the loss, where its slope is asked for",
        "which function of JAX makes the derivative of a function?",
    ),
    "negative": (
        "a slope of the other sign",
        "to the right of the minimum the loss rises: which sign has a rise?",
    ),
    "of_the_mean": (
        "the slope of the mean of all losses: too small by their number",
        "each point has a slope of its own, whatever the others are.",
    ),
    "start": (
        "the point that was given, as if no step had been taken",
        "a step makes a new number. What keeps it?",
    ),
    "too_few": (
        "a step too few",
        "how often is the point changed when steps is 1?",
    ),
    "too_many": (
        "a step too many",
        "how often is the point changed when steps is 1?",
    ),
    "turned_back": (
        "a turn in the other direction",
        "where was this point before the turn? It is there that f must be asked.",
    ),
    "radians": (
        "an angle in degrees, taken as one in radians",
        "a full turn is 360 here; what is it for cos and sin?",
    ),
    "only_x": (
        "a turn of the first coordinate alone",
        "a point that is turned moves in both coordinates.",
    ),
    "only_y": (
        "a turn of the second coordinate alone",
        "a point that is turned moves in both coordinates.",
    ),
    "overwritten": (
        "a second coordinate that is made from the new first one",
        "both new coordinates are made from the old point: is it still there?",
    ),
    "no_minus": (
        "a turn without a minus sign",
        "a turn keeps a point's distance from the origin. Does this one?",
    ),
    "nan_converged": (
        "a NaN that counts as converged",
        "a comparison with NaN is False: what becomes of it after a `not`?",
    ),
    "squared": (
        "a squared length that is compared with the tolerance",
        "the tolerance is a length: in which unit is a sum of squares?",
    ),
    "signed": (
        "a comparison of signed coordinates",
        "-1000 is less than the tolerance too. Is it small?",
    ),
    "signed_sum": (
        "a sum of signed coordinates",
        "in a sum 1000 and -1000 cancel. What is the length of a vector?",
    ),
    "each_alone": (
        "a comparison of each coordinate alone",
        "many small coordinates make a long vector. What is its length?",
    ),
    "any_small": (
        "one small coordinate that is enough",
        "at a turn along one axis the other may still be steep.",
    ),
    "negated": (
        "an answer the wrong way round",
        "converged is where the gradient is *short*.",
    ),
    "ddof": (
        "a standard deviation that divides by n",
        "the mean was estimated from the same numbers: n − 1 are left (`ddof`).",
    ),
    "no_root_n": (
        "the spread of single differences, not of their mean",
        "a mean of n numbers spreads less than one of them: by which factor?",
    ),
    "over_n": (
        "a division by n where √n belongs",
        "a variance of a mean is n times smaller. And its root?",
    ),
    "unpaired": (
        "an interval of two means, as if a and b had been run with other seeds",
        "a lucky seed is lucky for both. In what does that luck cancel?",
    ),
    "normal": (
        "1.96, the quantile of the normal distribution",
        "with few runs the spread is uncertain too; which distribution knows that?",
    ),
    "one_sided": (
        "the quantile at 0.95, which leaves 5 % on either side",
        "95 % inside is how much on each side?",
    ),
    "degrees_n": (
        "a t distribution with n degrees of freedom",
        "one of them was spent on the mean.",
    ),
    "exchanged": (
        "b − a where a − b is asked for",
        "if a is larger everywhere, which sign should the interval have?",
    ),
}


def guesses(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns what is tried to explain an answer: each mistake, then each two."""
    return [(name,) for name in names] + list(itertools.combinations(names, 2))


def told(names: Iterable[str]) -> list[str]:
    """Returns the lines that say what mistakes look like, each with its hint."""
    lines = []
    for seen, hint in map(HINTS.__getitem__, names):
        lines += [f"  It looks like {seen}.", f"  Hint: {hint}"]
    return lines
