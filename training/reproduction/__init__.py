"""The client's learners, as their documents describe them, on rendered parts: `python -m training.reproduction`."""
