"""Converting a checkpoint of one implementation to the native format of another."""
