"""Documents of other tools as Standby's: what has an equivalent is converted, and everything else is listed."""
