"""Golden vectors: inputs and exact results in files that any language reads."""
