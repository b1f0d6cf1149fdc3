"""The smallest failure: the weakest fault that breaks a passing experiment, the fewest faults that break a failing one.

Both are searched with few runs and then confirmed with fresh ones: `judging` says how sure a claim is, `weakest` and
`subset` search, `oracles` play.
"""
