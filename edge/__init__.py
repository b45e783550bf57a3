"""Kensa on the device: one part arrives, one picture is taken, one verdict leaves."""
