# What students write instead: edits of a solution, and the mistake each is to be told.


def _corrected(
    r="rho * state[1] + (1 - rho) * g**2",
    r_hat="r / (1 - rho**t)",
    along="g",
    scale="jnp.sqrt(r_hat + delta)",
    lr="lr",
    sign="-",
    kept="(g, r)",
):
    """Writes RMSProp with a corrected average in full, with something else in it."""
    step = f"x {sign} {lr} * {along} / {scale}"
    written = f"r = {r}; r_hat = {r_hat}; return {step}, {kept}"
    return {"return adam(x, g, state, lr, (0.0, rho), delta, t)": written}


# notebook → task → mistake → what is written for what stands in the solution. What
# follows a name says where the mistake is made, or which way of several this is.
EDITS = {
    "00_jax_in_ten_minutes": {
        "slope": {
            "value": {"jax.grad(loss)(x)": "loss(x)"},
            "negative": {"jax.grad": "-jax.grad"},
        },
        "batched": {
            "value": {"jax.vmap(slope)(xs)": "jax.vmap(loss)(xs)"},
            "negative": {"jax.vmap(slope)(xs)": "-jax.vmap(jax.grad(loss))(xs)"},
            "of_the_mean": {
                "jax.vmap(slope)(xs)": "jax.grad(lambda xs: loss(xs).mean())(xs)"
            },
        },
        "descend": {
            "plus": {"- lr * slope(x)": "+ lr * jax.grad(loss)(x)"},
            "too_few": {
                "slope(x)": "jax.grad(loss)(x)",
                "length=steps": "length=steps - 1",
            },
            "too_many": {
                "slope(x)": "jax.grad(loss)(x)",
                "length=steps": "length=steps + 1",
            },
            "start": {"x - lr * slope(x), None": "x, x - lr * jax.grad(loss)(x)"},
            "no_lr": {"lr * slope(x)": "jax.grad(loss)(x)"},
        },
    },
    "01_moving_average": {
        "moving-average": {
            "no_weight": {"(1 - rho) * y": "y"},
            "swapped": {"rho * s + (1 - rho) * y": "(1 - rho) * s + rho * y"},
            "early": {"rho**t": "rho ** (t - 1)"},
            "late": {"rho**t": "rho ** (t + 1)"},
            "plus_power": {"1 - rho**t": "1 + rho**t"},
            "no_correction": {"s / (1 - rho**t)": "s"},
            "fed_back": {"return s, s": "return s / (1 - rho**t), s"},
            "order": {"return s, s / (1 - rho**t)": "return s / (1 - rho**t), s"},
            "other_power": {"rho**t": "(1 - rho) ** t"},
            "other_rho": {"s = rho * s": "rho = 1 - rho; s = rho * s"},
            "in_place": {"s = rho * s + (1 - rho) * y": "s *= rho; s += (1 - rho) * y"},
        },
    },
    "02_optimizers_on_a_surface": {
        "momentum": {
            "no_weight": {"(1 - rho) * g": "g"},
            "swapped": {"rho * v + (1 - rho) * g": "(1 - rho) * v + rho * g"},
            "plus": {"x - lr * v": "x + lr * v"},
            "old": {"return x - lr * v": "return x - lr * (v - (1 - rho) * g) / rho"},
            "not_handed_on": {"lr * v, v": "lr * v, (v - (1 - rho) * g) / rho"},
            "no_memory": {"x - lr * v": "x - lr * g"},
            "no_lr": {"lr * v": "v"},
            "order": {"return x - lr * v, v": "return v, x - lr * v"},
            "in_place": {"v = rho * v + (1 - rho) * g": "v *= rho; v += (1 - rho) * g"},
        },
        "rmsprop": {
            "no_weight": {"(1 - rho) * g**2": "g**2"},
            "swapped": {"rho * r + (1 - rho)": "(1 - rho) * r + rho"},
            "plus": {"x - lr": "x + lr"},
            "old": {"r = rho": "old, r = r, rho", "r + delta": "old + delta"},
            "not_handed_on": {"r = rho": "old, r = r, rho", "delta), r": "delta), old"},
            "delta_outside": {"jnp.sqrt(r + delta)": "(jnp.sqrt(r) + delta)"},
            "no_square": {"g**2": "g"},
            "no_root": {"jnp.sqrt(r + delta)": "(r + delta)"},
            "no_delta": {"r + delta": "r"},
            "no_lr": {"lr * g": "g"},
            "order": {"return x": "return r, x", "delta), r": "delta)"},
            "in_place": {"r = rho * r": "r *= rho; r = r"},
        },
        "adam": {
            "no_weight": {"(1 - rho_1) * g": "g"},
            "no_weight_r": {"(1 - rho_2) * g**2": "g**2"},
            "swapped": {
                "rho_1 * v + (1 - rho_1)": "(1 - rho_1) * v + rho_1",
                "rho_2 * r + (1 - rho_2)": "(1 - rho_2) * r + rho_2",
            },
            "plus": {"x - lr": "x + lr"},
            "not_handed_on": {"delta), (v, r)": "delta), state"},
            "delta_outside": {"jnp.sqrt(r_hat + delta)": "(jnp.sqrt(r_hat) + delta)"},
            "no_square": {"g**2": "g"},
            "no_root": {"jnp.sqrt(r_hat + delta)": "(r_hat + delta)"},
            "early": {"rho_1**t": "rho_1 ** (t - 1)", "rho_2**t": "rho_2 ** (t - 1)"},
            "late": {"rho_1**t": "rho_1 ** (t + 1)", "rho_2**t": "rho_2 ** (t + 1)"},
            "plus_power": {
                "1 - rho_1**t": "1 + rho_1**t",
                "1 - rho_2**t": "1 + rho_2**t",
            },
            "no_correction": {" / (1 - rho_1**t)": "", " / (1 - rho_2**t)": ""},
            "fed_back": {"delta), (v, r)": "delta), (v_hat, r_hat)"},
            "one_rho": {"= state, rhos": "= state, (rhos[0], rhos[0])"},
            "rhos_swapped": {"(rho_1, rho_2)": "(rho_2, rho_1)"},
            "v_uncorrected": {" / (1 - rho_1**t)": ""},
            "r_uncorrected": {" / (1 - rho_2**t)": ""},
            "pair_order": {"delta), (v, r)": "delta), (r, v)"},
            "no_delta": {"r_hat + delta": "r_hat"},
            "no_lr": {"lr * v_hat": "v_hat"},
            "in_place": {"v = rho_1 * v": "v *= rho_1; v = v"},
        },
        "rmsprop-corrected": {
            "no_weight": _corrected(r="rho * state[1] + g**2"),
            "swapped": _corrected(r="(1 - rho) * state[1] + rho * g**2"),
            "plus": _corrected(sign="+"),
            "not_handed_on": _corrected(kept="state"),
            "no_lr": _corrected(lr="1.0"),
            "no_square": _corrected(r="rho * state[1] + (1 - rho) * g"),
            "no_root": _corrected(scale="(r_hat + delta)"),
            "delta_outside": _corrected(scale="(jnp.sqrt(r_hat) + delta)"),
            "no_delta": _corrected(scale="jnp.sqrt(r_hat)"),
            "no_correction": _corrected(r_hat="r"),
            "early": _corrected(r_hat="r / (1 - rho ** (t - 1))"),
            "late": _corrected(r_hat="r / (1 - rho ** (t + 1))"),
            "plus_power": _corrected(r_hat="r / (1 + rho**t)"),
            "fed_back": _corrected(kept="(g, r_hat)"),
            "averaged": _corrected(
                along="(rho * state[0] + (1 - rho) * g) / (1 - rho**t)",
                kept="(rho * state[0] + (1 - rho) * g, r)",
            ),
        },
    },
    "03_mnist1d": {
        "optimizers": {
            "uphill SGD": {
                '{"SGD": optax_lab.sgd(0.05)}': '{"SGD": optax.sgd(-0.05)}',
            },
            "uphill momentum": {
                "optax_lab.sgd(0.05, momentum=0.9)": "optax.sgd(-0.05, momentum=0.9)"
            },
            "uphill RMSProp": {"optax_lab.rmsprop(1e-3)": "optax.rmsprop(-1e-3)"},
            "uphill Adam": {"optax_lab.adam(1e-3)": "optax.adam(-1e-3)"},
            "no_momentum momentum": {"sgd(0.05, momentum=0.9)": "sgd(0.05)"},
            "average_form momentum": {"sgd(0.05, momentum=0.9)": "momentum(0.05)"},
            "nesterov momentum": {"momentum=0.9": "momentum=0.9, nesterov=True"},
            "small_rate momentum": {
                "sgd(0.05, momentum=0.9)": "sgd(1e-3, momentum=0.9)"
            },
            "explodes RMSProp": {"rmsprop(1e-3)": "rmsprop(1e-2)"},
            "explodes RMSProp 2": {"rmsprop(1e-3)": "rmsprop(1e-2, decay=0.99)"},
            "sgd_rate Adam": {"adam(1e-3)": "adam(0.05)"},
            "sgd_rate RMSProp": {"rmsprop(1e-3)": "rmsprop(0.05)"},
            "another Adam": {"adam(1e-3)": "rmsprop(1e-3)"},
        },
        "first-epoch": {
            "strictly": {">= target": "> target"},
            "last": {"reached[0]": "reached[-1]"},
            "from_zero": {"[0]) + 1": "[0])"},
            "never_is_first": {"else None": "else 1"},
            "never_is_zero": {"else None": "else 0"},
            "never_is_minus_one": {"else None": "else -1"},
        },
    },
    "04_beyond_the_lab": {
        "rotated": {
            "radians": {"deg2rad(degrees)": "float32(degrees)"},
            "turned_back": {"+ sin * y": "- sin * y", "- sin * x": "+ sin * x"},
            "only_x": {"cos * y - sin * x": "y"},
            "only_y": {"cos * x + sin * y": "x"},
            "no_minus": {"cos * y - sin * x": "cos * y + sin * x"},
            "two_minus": {"cos * x + sin * y": "cos * x - sin * y"},
            "overwritten": {
                "return f(": "x = cos * x + sin * y; return f(",
                "stack([cos * x + sin * y,": "stack([x,",
            },
        },
        "has-converged": {
            "nan_converged": {
                "bool(jnp.linalg.norm(gradient) <=": "not (jnp.linalg.norm(gradient) >"
            },
            "signed": {"jnp.linalg.norm(gradient)": "jnp.max(gradient)"},
            "signed_sum": {"jnp.linalg.norm(gradient)": "jnp.sum(gradient)"},
            "each_alone": {"jnp.linalg.norm(gradient)": "jnp.max(jnp.abs(gradient))"},
            "any_small": {"jnp.linalg.norm(gradient)": "jnp.nanmin(jnp.abs(gradient))"},
            "squared": {"jnp.linalg.norm(gradient)": "jnp.sum(gradient**2)"},
            "mean_square": {
                "jnp.linalg.norm(gradient)": "jnp.sqrt(jnp.mean(gradient**2))"
            },
            "mean_size": {"jnp.linalg.norm(gradient)": "jnp.mean(jnp.abs(gradient))"},
            "size_sum": {"jnp.linalg.norm(gradient)": "jnp.sum(jnp.abs(gradient))"},
            "first_two": {"norm(gradient)": "norm(gradient[:2])"},
            "negated": {"<=": ">"},
        },
        "paired-interval": {
            "ddof": {"ddof=1": "ddof=0"},
            "no_root_n": {" / n**0.5": ""},
            "over_n": {"n**0.5": "n"},
            "unpaired": {
                "n - 1)": "2 * n - 2)",
                "differences.std(ddof=1)": "(a.var(ddof=1) + b.var(ddof=1)) ** 0.5",
            },
            "normal": {"stats.t.ppf(0.975, n - 1)": "1.96"},
            "one_sided": {"0.975": "0.95"},
            "degrees_n": {"n - 1)": "n)"},
            "exchanged": {"a - b": "b - a"},
            "order": {"half = stats": "half = -stats"},
        },
    },
}

# What is told of a mistake that is seen before any number is compared.
TOLD = {"in_place": "changes the arrays that it is given"}
