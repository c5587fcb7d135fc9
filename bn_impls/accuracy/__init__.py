"""How far a result is from the exact one: errors, the bounds they are graded by, and a layer compared step by step."""
