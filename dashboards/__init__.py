"""The Grafana dashboards as code: `make dashboard-files` writes them to where they ship from."""
