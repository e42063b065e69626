"""Independent references: the papers' algorithms in plain float64 NumPy."""
