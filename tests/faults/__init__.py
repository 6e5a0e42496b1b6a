"""Faults put into a real store on purpose: kills, power cuts, errors of every call, full disks, damaged files.

`tests/faults/run` runs all of it and prints each figure as injected / survived; `test_faults.py` runs a part of it with
the ordinary tests.
"""
