"""What our own interface and loop cost, against the same framework code written by hand.

These are not axes: they measure this project, not an implementation. Each module is a script; its result is a JSON
file under ``reports/costs``, from which the README quotes.
"""
