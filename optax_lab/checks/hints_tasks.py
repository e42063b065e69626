# What mistakes in choices, stop rules and intervals look like, and a hint for each.

HINTS: dict[str, tuple[str, str]] = {
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
    "never_is_zero": (
        "0 for a target that is never reached",
        "whoever computes with it takes it for an epoch. What stands for none?",
    ),
    "never_is_minus_one": (
        "-1 for a target that is never reached",
        "whoever computes with it takes it for an epoch. What stands for none?",
    ),
    "strictly": (
        "a target that must be exceeded",
        "an accuracy that is equal to the target has reached it.",
    ),
    "last": (
        "the last epoch that reaches the target",
        "accuracy goes up and down. Which of the epochs that reach it is asked for?",
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
        "signs that do not belong to one turn",
        "a turn keeps a point's distance from the origin. Does this one?",
    ),
    "two_minus": (
        "signs that do not belong to one and the same turn",
        "turn a point by hand, by a quarter. Is it as far from the origin as before?",
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
    "mean_square": (
        "a mean of squares, where a length is asked for",
        "a vector of a hundred ones is ten long. What does the mean say of it?",
    ),
    "mean_size": (
        "the mean of the coordinates' sizes",
        "a gradient of many coordinates may be long and have a small mean.",
    ),
    "size_sum": (
        "a sum of the coordinates' sizes",
        "(3, 4) is 5 long, not 7.",
    ),
    "first_two": (
        "a length of the first two coordinates alone",
        "a gradient may have any number of coordinates.",
    ),
    "negated": (
        "an answer the wrong way round",
        "converged is where the gradient is *short*.",
    ),
    "ddof": (
        "a spread that is a little too small, the more so the fewer the runs",
        "the mean was estimated from the same numbers. What does `std` divide by?",
    ),
    "no_root_n": (
        "the spread of single differences, not of their mean",
        "a mean of n numbers spreads less than one of them: by which factor?",
    ),
    "over_n": (
        "an interval that shrinks too fast as runs are added",
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
        "an interval on the other side of 0",
        "if a is larger everywhere, which sign should the interval have?",
    ),
}
