"""Words and limits that flags and the page share. Imports nothing of ours, so that --help stays quick."""

MASKERS = ("learned", "landmarks")


FINDERS = ("yunet", "dlib")

PRECISIONS = ("auto", "float32", "bfloat16", "int8")

MIN_TRAINING_FACE_PX = 56
"""Narrowest face that training learns from, in pixels of the photo from ear to ear."""
