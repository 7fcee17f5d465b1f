"""The dashboards as Python; `build.py` writes them as the JSON that Grafana reads."""
