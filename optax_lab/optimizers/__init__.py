"""Rules made whole: the named optimizers, a file per family, and the table of them."""
