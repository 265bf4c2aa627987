"""Searches for the smallest model that is good enough, and what to know before and after."""

from .compression_search import CompressionSearchCV
from .diagnosis import Diagnosis, diagnose
from .html import write_report
from .scorers import size_scorer, smallest_within
from .sensitivity import SensitivityReport, sensitivity_report

__all__ = [
    "CompressionSearchCV",
    "Diagnosis",
    "SensitivityReport",
    "diagnose",
    "sensitivity_report",
    "size_scorer",
    "smallest_within",
    "write_report",
]
