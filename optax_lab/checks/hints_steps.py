# What mistakes in a slope, an average or a step look like, and a hint for each.

HINTS: dict[str, tuple[str, str]] = {
    "no_weight": (
        "a new value that is added whole, without a weight",
        "the weights of the old and the new value must sum to 1.",
    ),
    "no_weight_r": (
        "a new square that is added to r whole",
        "the weights of the old and the new value must sum to 1.",
    ),
    "swapped": (
        "the weights of the old and the new value in each other's place",
        "a large ρ is a long memory: which of the two does it keep?",
    ),
    "plus": (
        "a step along the slope, not against it",
        "g points up the slope; which way is down?",
    ),
    "plus_power": (
        "a correction in the wrong direction: it makes an average smaller",
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
    "no_lr": (
        "a step whose length has nothing to do with lr",
        "how far should it go if lr is half as large?",
    ),
    "no_delta": (
        "a root of the average alone, whatever δ is",
        "if the gradient has been 0 all along, what is divided by?",
    ),
    "order": (
        "two right results in each other's place",
        "in which order are they asked for?",
    ),
    "pair_order": (
        "two averages that change places when they are handed on",
        "in which order are they given?",
    ),
    "v_uncorrected": (
        "a corrected scale under a direction that is not",
        "which of the averages start at 0?",
    ),
    "r_uncorrected": (
        "a corrected direction over a scale that is not",
        "which of the averages start at 0?",
    ),
    "averaged": (
        "a step along an average of the gradients",
        "RMSProp averages one thing only: which?",
    ),
    "other_rho": (
        "a ρ that is the weight of what is new, everywhere",
        "a large ρ is a long memory here.",
    ),
    "other_power": (
        "a correction that takes ρ for the weight of what is new",
        "after one step, which weight lies on the 0 of the start?",
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
}
