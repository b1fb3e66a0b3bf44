"""Data sources: what a recipe's ``data:`` section can name, and the contract for more of them."""

from .base import SETS, DataSource, Sets
from .registry import data_sources
from .sample import DataSample

__all__ = ["SETS", "DataSample", "DataSource", "Sets", "data_sources"]
