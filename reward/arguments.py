"""Types of the rewards' keyword arguments, checked when a recipe is read."""

from typing import Annotated, TypeAlias

from pydantic import Field

Beta: TypeAlias = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Cap: TypeAlias = Annotated[int, Field(ge=1)]
