"""What runs say together: which objectives moved between them, and whether that is more than noise."""
