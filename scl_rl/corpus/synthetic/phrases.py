"""The sentences of notes. ``{w}`` is a wording in running text, ``{W}`` one at a sentence's start."""

from __future__ import annotations

AFFIRMED = {
    "Chief complaint": ("{W}.", "{W} since yesterday.", "Worsening {w}."),
    "HPI": (
        "Presents with {w}.",
        "Here for follow-up of {w}.",
        "Reports {w} for the past week.",
        "Seen today because of {w}.",
    ),
    "PMH": ("{W}.", "Known {w}.", "Long-standing {w}.", "{W}, on treatment.", "Significant for {w}."),
    "Assessment": (
        "{W}, continue current plan.",
        "Findings consistent with {w}.",
        "{W}: stable.",
        "Will treat {w}.",
        "Diagnosed with {w}.",
    ),
}

TRAPS = {
    "negated": {
        "HPI": ("Denies {w}.", "No {w}.", "Has not had {w}."),
        "Exam": ("No sign of {w}.", "Negative for {w}."),
    },
    "family": {
        "Family history": (
            "Mother had {w}.",
            "Father with {w}.",
            "{W} in a sister.",
            "Grandfather died of {w}.",
        ),
    },
    "ruled_out": {
        "Assessment": (
            "{W} was ruled out.",
            "Work-up excluded {w}.",
            "Initially suspected {w}, not confirmed.",
        ),
    },
    "resolved": {
        "PMH": (
            "{W} in childhood, resolved.",
            "Past {w}, no longer present.",
            "{W} years ago, fully recovered.",
        ),
    },
}

# The traps that don't contradict an affirmed mention of the same word.
COMPATIBLE = ("family", "resolved")

SECTIONS = ("Chief complaint", "HPI", "PMH", "Family history", "Exam", "Assessment")

FILLER = {
    "HPI": ("Lives with spouse.", "Accompanied by a relative.", "Good appetite.", "Works full time."),
    "PMH": ("Appendectomy in 2009.", "No known allergies.", "Immunizations up to date."),
    "Family history": ("Otherwise unremarkable.", "Parents alive and well.", "Two healthy children."),
    "Exam": (
        "Alert and oriented.",
        "Abdomen soft.",
        "Lungs clear.",
        "Regular rate, no murmurs.",
        "BP 128/76, HR 72.",
        "Well nourished.",
    ),
    "Assessment": ("Return in two weeks.", "Labs ordered.", "Discussed with patient."),
}

INSERTS = ("(mild)", "(known)", "(recurrent)", "(longstanding)", "(per patient)")

OPENINGS = (
    "{age}-year-old {sex}.",
    "{age} y/o {sex}, clinic visit.",
    "Pt is a {age}-year-old {sex}.",
    "{sex_title}, {age}, seen in clinic.",
)
