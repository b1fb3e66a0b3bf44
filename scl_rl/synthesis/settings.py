"""What can be asked of the synthesis of spans."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..mining.settings import MiningSettings
from .teacher.settings import TeacherSettings
from .variants import VARIANTS

Way = Literal["tabular", "mined", "teacher"]


class TabularSettings(BaseModel):
    """The parts of the ICD tabular list that are read, and the rules that apply, each with its switch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: bool = Field(True, title="Read titles")
    inclusion: bool = Field(True, title="Read inclusion terms and includes notes")
    parent: bool = Field(True, title="For an unspecified code, read those of its subcategory and category")
    reference: bool = Field(True, title="Read what the Excludes1 notes of other codes call a code")

    see: bool = Field(True, title='Drop "see …" and codes in parentheses')
    brackets: bool = Field(True, title="Drop brackets; an abbreviation in them is a span")
    parentheses: bool = Field(
        True, title='"hypertension (arterial)" is "hypertension" and "arterial hypertension"'
    )
    unspecified: bool = Field(True, title='Drop "unspecified", "NOS"')
    encounter: bool = Field(True, title='Drop "initial encounter"')
    other: bool = Field(True, title='Drop "other", "specified", "elsewhere classified"')
    without: bool = Field(True, title='Drop "without …", "uncomplicated"')
    and_or: bool = Field(True, title='Of "syncope and collapse" take each alone, too')
    inversion: bool = Field(True, title='"Pneumonia, bacterial" is "bacterial pneumonia"')

    plain_words: bool = Field(True, title='"renal calculus": "kidney stone"')
    word_order: bool = Field(True, title='"calculus of kidney": "kidney calculus"')
    spelling: bool = Field(True, title='"anemia": "anaemia", and the other way round')
    plurals: bool = Field(True, title='"gout attack": "gout attacks"')
    abbreviations: bool = Field(True, title='"chronic kidney disease": "CKD"')
    typos: bool = Field(True, title="One typing error")

    @model_validator(mode="after")
    def _some_part(self) -> TabularSettings:
        if not (self.title or self.inclusion or self.parent or self.reference):
            raise ValueError("title, inclusion, parent and reference can't all be off")
        return self

    def switches(self) -> dict[str, bool]:
        """Every part and rule, on or off."""
        return dict(self)

    def variants(self) -> list[str]:
        """The rules of :data:`~.variants.VARIANTS` that are on."""
        return [name for name in VARIANTS if getattr(self, name)]


class FilterSettings(BaseModel):
    """Which candidates become spans."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ambiguous: bool = Field(True, title="Drop wordings that several codes have")
    near: float | None = Field(
        0.5,
        title="Drop a wording that is at least this like a term of another code, and no less than it is like "
        "its own code's (Dice coefficient of character trigrams); null = off",
        gt=0,
        le=1,
    )
    implied: bool = Field(
        False, title="Drop wordings that the parent stage's model does not find to imply their code"
    )


class SynthesisSettings(BaseModel):
    """How spans are made and how many."""

    model_config = ConfigDict(extra="forbid")

    how: tuple[Way, ...] = Field(("tabular",), title="Where wordings come from", min_length=1)
    codes: Literal["data", "billable"] | list[str] = Field(
        "data",
        title="Codes to make spans for: those of the training sets, every billable code, or a list, in which "
        "a category such as J18 stands for all below it",
    )
    tabular: TabularSettings = Field(
        default_factory=TabularSettings, title="How 'tabular' reads the ICD tabular list"
    )
    mining: MiningSettings = Field(
        default_factory=MiningSettings, title="How 'mined' associates words with codes"
    )
    teacher: TeacherSettings | None = Field(None, title="Who writes the wordings of 'teacher'")
    filters: FilterSettings = Field(default_factory=FilterSettings, title="Which wordings are dropped")
    per_code: int = Field(16, title="Maximum spans per code", ge=1)
    max_spans: int | None = Field(None, title="Maximum spans, shared out over the codes; absent = all", ge=1)
    temperature: float = Field(
        1.0,
        title="Codes share 'max_spans' in proportion to (count in the training sets + 1)^(1/temperature)",
        ge=1,
    )

    @model_validator(mode="after")
    def _ways(self) -> SynthesisSettings:
        if "teacher" in self.how and self.teacher is None:
            raise ValueError("how: 'teacher' needs a section 'teacher' that names a model")
        if len(set(self.how)) < len(self.how):
            raise ValueError("how: each can stand there once")
        return self
