# What students write instead: edits of a solution, and the mistake each is to be told.

# notebook → task → mistake → what is written for what stands in the solution. A name
# with a number is another way to make the same mistake.
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
            "in_place": {"v = rho_1 * v": "v *= rho_1; v = v"},
        },
    },
    "03_mnist1d": {
        "optimizers": {
            "uphill": {
                '{"SGD": optax_lab.sgd(0.05)}': '{"SGD": optax.sgd(-0.05)}',
            },
            "uphill 2": {
                "optax_lab.sgd(0.05, momentum=0.9)": "optax.sgd(-0.05, momentum=0.9)"
            },
            "uphill 3": {"optax_lab.rmsprop(1e-3)": "optax.rmsprop(-1e-3)"},
            "uphill 4": {"optax_lab.adam(1e-3)": "optax.adam(-1e-3)"},
            "no_momentum": {"sgd(0.05, momentum=0.9)": "sgd(0.05)"},
            "average_form": {"sgd(0.05, momentum=0.9)": "momentum(0.05)"},
            "nesterov": {"momentum=0.9": "momentum=0.9, nesterov=True"},
            "small_rate": {"sgd(0.05, momentum=0.9)": "sgd(1e-3, momentum=0.9)"},
            "explodes": {"rmsprop(1e-3)": "rmsprop(1e-2)"},
            "explodes 2": {"rmsprop(1e-3)": "rmsprop(1e-2, decay=0.99)"},
            "sgd_rate": {"adam(1e-3)": "adam(0.05)"},
            "sgd_rate 2": {"rmsprop(1e-3)": "rmsprop(0.05)"},
            "another": {"adam(1e-3)": "rmsprop(1e-3)"},
        },
        "first-epoch": {
            "strictly": {">= target": "> target"},
            "last": {"reached[0]": "reached[-1]"},
            "from_zero": {"[0]) + 1": "[0])"},
            "never_is_first": {"else None": "else 1"},
        },
    },
    "04_beyond_the_lab": {
        "rotated": {
            "radians": {"deg2rad(degrees)": "float32(degrees)"},
            "turned_back": {"+ sin * y": "- sin * y", "- sin * x": "+ sin * x"},
            "only_x": {"cos * y - sin * x": "y"},
            "only_y": {"cos * x + sin * y": "x"},
            "no_minus": {"cos * y - sin * x": "cos * y + sin * x"},
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
        },
    },
}

# What is told of a mistake that is seen before any number is compared.
TOLD = {"in_place": "changes the arrays that it is given"}
