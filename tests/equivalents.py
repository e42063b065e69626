# Changes that no test can see, and why. A row that fits no change is an error.

REASONS: dict[tuple[str, str, str], str] = {
    (
        "ewma",
        "_smooth",
        "time <= _BLOCK → time < _BLOCK",
    ): "a series of one whole block is the same one way or the other",
    (
        "ewma",
        "_lerp",
        "decay < 0.5 → decay <= 0.5",
    ): "at ½ both ends weigh the same",
    (
        "ewma",
        "_lerp",
        "decay < 0.5 → decay <= 0.5 (number 2)",
    ): "at ½ both ends weigh the same",
    ("ewma", "_responses", "1 → 2"): "of the unit matrix only the first row is taken",
    ("ewma", "_responses", "0 → 1"): "the matrix has one row, and indices are clipped",
    (
        "optimizers.adan",
        "scale_by_mars",
        "state.adam.mu → state.adam.nu",
    ): "both averages have seen a gradient from the same step on",
    (
        "optimizers.adabelief",
        "scale_by_belief",
        "g - m → m - g",
    ): "|g − m|² has no sign",
    (
        "optimizers.radam",
        "rectification",
        "length >= threshold → length > threshold",
    ): "no number of steps makes ρₜ equal to a threshold",
    (
        "optimizers.radam",
        "rectification",
        "length > 4 → length >= 4",
    ): "no number of steps makes ρₜ equal to 4",
    (
        "optimizers.adam",
        "zero_moments",
        "nu → mu",
    ): "both start at 0; that squares are real is a test of the family's",
    ("optimizers.lion", "signum", "False → True"): "a debiased average has its sign",
    (
        "optimizers.adamax",
        "scale_by_adamax",
        "ewma.raw → ewma.read",
    ): "a maximum has a weight of 1",
    (
        "optimizers.adafactor",
        "scale_by_factored_rms",
        "ewma.raw → ewma.read",
    ): "rows are divided by their mean, and their weight with them",
    (
        "optimizers.adafactor",
        "_filled",
        "1 → 2",
    ): "nobody reads what stands in for nothing; its shape is a test of the family's",
    (
        "optimizers.adafactor",
        "_filled",
        "1 → 0",
    ): "nobody reads what stands in for nothing; its shape is a test of the family's",
    (
        "optimizers.adafactor",
        "_mean",
        "jnp.mean → jnp.sum",
    ): "the paper has sums, and their product over their total is the same",
    (
        "optimizers.layerwise",
        "scale_by_trust_ratio",
        "1 → 2",
    ): "where a norm is 0 nothing is divided by it",
    (
        "optimizers.layerwise",
        "scale_by_trust_ratio",
        "1 → 0",
    ): "where a norm is 0 only a derivative sees it, in a test of the family's",
    (
        "optimizers.sophia",
        "hutchinson_estimator_diag_hessian",
        "precision.each(lambda h, r: jnp.real(h * r), product, signs) → "
        "precision.each(lambda h, r: jnp.real(h * r), signs, product)",
    ): "a product does not mind the order",
    (
        "optimizers.sophia",
        "hutchinson_estimator_diag_hessian",
        "h * r → h / r",
    ): "r is −1 or 1",
    (
        "optimizers.matrix_functions",
        "newton_schulz",
        "gram @ gram → gram @ gram",
    ): "a matrix times itself",
    (
        "optimizers.matrix_functions",
        "_schatten",
        "unit @ unit.conj().T → unit.conj().T @ unit",
    ): "both have the same eigenvalues but for zeros, and so the same norm",
    (
        "optimizers.matrix_functions",
        "refined",
        "jnp.sum → jnp.mean",
    ): "only the order of the quotients counts",
    (
        "optimizers.matrix_functions",
        "_slopes",
        "jnp.abs(gap) < jnp.finfo(gap.dtype).eps ** (1 / 3) * middle → "
        "jnp.abs(gap) <= jnp.finfo(gap.dtype).eps ** (1 / 3) * middle",
    ): "at the boundary both forms are as good",
    (
        "optimizers.matrix_functions",
        "_slopes",
        "1 → 2 (number 2)",
    ): "where eigenvalues are close the quotient is not taken",
    (
        "optimizers.matrix_functions",
        "_slopes",
        "1 → 0 (number 2)",
    ): "as before; the 1 is for derivatives of this derivative",
}
