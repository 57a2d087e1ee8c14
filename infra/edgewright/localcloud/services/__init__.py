"""The families of the API; each folder has the same roles: urls, handlers, models."""
