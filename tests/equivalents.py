# Changes that no test can see, and why. A row that fits no change is an error.

REASONS: dict[tuple[str, str, str], str] = {
    (
        "ewma",
        "_smooth",
        "time <= _BLOCK → time < _BLOCK",
    ): "a series of one whole block is the same one way or the other",
    ("ewma", "_responses", "1 → 2"): "of the unit matrix only the first row is taken",
    ("ewma", "_responses", "0 → 1"): "the matrix has one row, and indices are clipped",
    (
        "transforms.adan",
        "scale_by_mars",
        "state.adam.mu → state.adam.nu",
    ): "both averages have seen a gradient from the same step on",
    (
        "transforms.normalized",
        "_fresh",
        "nu → mu",
    ): "both start at 0; that squares are real is a test of the family's",
}
