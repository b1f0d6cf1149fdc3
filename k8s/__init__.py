"""The cluster that `make cluster deploy` makes: `python -m k8s up`, `deploy`, `down`. Each can be repeated."""
