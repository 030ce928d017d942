"""Recorded drives: read with their timing, refused with the byte offset when damaged, replayed and judged.

A format is one file with an ``examine`` (walks the file's structure itself, for libraries pass over what
is torn) and a ``frames`` (decodes by the library kept for the format), and its line in ``opening.FORMATS``.
"""
