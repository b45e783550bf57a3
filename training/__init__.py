"""Kensa on the workstation: pictures of mostly good parts in, a model bundle out."""
