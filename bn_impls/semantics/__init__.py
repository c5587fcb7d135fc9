"""What a batch normalization computes, as one description: stated, varied, observed, used to explain differences."""
