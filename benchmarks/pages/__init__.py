"""What the pages of the documentation state of measurements, made from the committed records."""
