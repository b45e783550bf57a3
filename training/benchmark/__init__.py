"""Models measured on whole data sets, several seeds each: `python -m training.benchmark DATA…`."""
