# What is said of several optimizers that average squares of gradients.

PYTORCH = {
    "η": "lr",
    "β₁": "betas[0]",
    "β₂": "betas[1]",
    "ε": "eps",
    "λ": "weight_decay",
}
KERAS = {
    "η": "learning_rate",
    "β₁": "beta_1",
    "β₂": "beta_2",
    "ε": "epsilon",
    "λ": "weight_decay",
}
OPTAX = {"η": "learning_rate", "β₁": "b1", "β₂": "b2", "ε": "eps"}
DECAYED = OPTAX | {"λ": "weight_decay"}

TORCH_CALL = "params, lr=η, betas=(β₁, β₂), eps=ε"
KERAS_CALL = "learning_rate=η, beta_1=β₁, beta_2=β₂, epsilon=ε"
OPTAX_CALL = "η, b1=β₁, b2=β₂, eps=ε"
WEIGHT = "jnp.sqrt(1 - β₂ ** (t + 1))"
HAT = f"η, b1=β₁, b2=β₂, eps=lambda t: ε / {WEIGHT}"
RATE = "optax.scale_by_learning_rate(η)"
COUPLED = "optax.add_decayed_weights(λ)"

AFTER = "after debiasing, √ν̂ + ε"
BEFORE = "before debiasing, (√ν + ε)/√(1 − β₂ᵗ)"
BOTH = "μ and ν"
IS_INSIDE = "ε stands in the root there, and no argument moves it"
IS_OUTSIDE = "ε stands outside the root there, and no argument moves it"
ADDED_BEFORE = "ε is added before debiasing there: it would have to be ε√(1−β₂ᵗ)"
ADDED_AFTER = "ε is added after debiasing there: it would have to be ε/√(1−β₂ᵗ)"

MOMENTS = "μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = β₂νₜ₋₁ + (1 − β₂)gₜ²"
PLAIN = "θₜ = θₜ₋₁ − ημ̂ₜ/(√ν̂ₜ + ε)"
HATTED = "μ̂ₜ/(√ν̂ₜ + ε/√(1 − β₂ᵗ))"
SHRUNK = "θₜ = θₜ₋₁(1 − ηλ) − η"
