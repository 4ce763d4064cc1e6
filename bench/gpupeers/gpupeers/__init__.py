"""Measures the reference stack (PyNvVideoCodec, torch, nvImageCodec) on one GPU.

Nothing here is imported by a part that does not need it: a machine without a
library, or without a GPU, fails the parts that ask for it and no others.
"""
