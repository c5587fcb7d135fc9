"""Why two implementations differ: what each one computes, found by replaying it, and a walk from one to the other."""
