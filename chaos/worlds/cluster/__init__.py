"""The worlds `kind` and `kubernetes`: tiers that run in a namespace of a cluster, hurt and watched from outside."""
