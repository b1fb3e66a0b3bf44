"""What the notes are made of: headings, sentences, filler.

``{w}`` stands for the wordings, ``{x}`` for them with their articles; both may be several ("fever and
vertigo"), so no verb agrees with them. The other fields are in ``FIELDS`` or belong to the patient. A
sentence says by itself whether what it names counts. Nothing here may hold a wording of the lexicon.
"""

from __future__ import annotations

from typing import Literal

What = Literal["affirmed", "negated", "family", "ruled_out", "resolved"]
Group = Literal["symptom", "acute", "chronic"]
Section = Literal["cc", "hpi", "pmh", "fh", "sh", "meds", "exam", "ap", "dx"]
Sentences = dict[Section, tuple[str, ...]]

GROUP: dict[str, Group] = {
    "symptom": "symptom",
    "acute": "acute",
    "event": "acute",
    "chronic": "chronic",
    "relapsing": "chronic",
}
TRAPS: dict[str, tuple[What, ...]] = {
    "symptom": ("negated", "resolved"),
    "acute": ("negated", "ruled_out", "resolved"),
    "event": ("negated", "family", "ruled_out", "resolved"),
    "chronic": ("negated", "family", "ruled_out"),
    "relapsing": ("negated", "family", "ruled_out", "resolved"),
}
"""Kind of condition → the traps that make sense for it."""

HEADINGS: dict[Section, tuple[str, ...]] = {
    "cc": ("Chief complaint", "CC", "Reason for visit", "Presenting complaint"),
    "hpi": ("HPI", "History of present illness", "Present illness", "Interval history"),
    "pmh": ("PMH", "Past medical history", "Medical history", "Background"),
    "fh": ("Family history", "FH", "FHx"),
    "sh": ("Social history", "SH", "Social"),
    "meds": ("Medications", "Meds"),
    "exam": ("Exam", "Physical exam", "Vitals", "On examination"),
    "ap": ("Assessment/Plan", "A/P", "Assessment and plan", "Impression"),
    "dx": ("Discharge diagnoses", "Final diagnoses", "Diagnoses", "Discharge dx"),
}
ORDERS: tuple[tuple[Section, ...], ...] = (
    ("cc", "hpi", "pmh", "fh", "sh", "meds", "exam", "ap", "dx"),
    ("cc", "hpi", "exam", "pmh", "meds", "fh", "sh", "ap", "dx"),
    ("dx", "ap", "cc", "hpi", "pmh", "meds", "sh", "fh", "exam"),
    ("cc", "pmh", "fh", "sh", "hpi", "exam", "meds", "dx", "ap"),
)
PROSE: tuple[Section, ...] = ("hpi", "cc", "pmh", "meds", "fh", "sh", "exam", "ap", "dx")
"""The order of a note without headings."""

SENTENCES: dict[tuple[What, Group], Sentences] = {
    ("affirmed", "symptom"): {
        "cc": ("{w}.", "{w} for {span}.", "{w} since {when}.", "{w}, {span}."),
        "hpi": (
            "{he} reports {x} for {span}.",
            "Presents with {x} since {when}.",
            "{he} complains of {x}.",
            "{he} has had {x} for {span}.",
            "{x} began {when}.",
            "Seen today for {x}.",
            "{he} describes {x}, worse since {when}.",
        ),
        "ap": (
            "{w}: symptomatic treatment.",
            "{w}, cause unclear; labs sent.",
            "{w}: recheck in {span}.",
            "Will work up {x}.",
        ),
    },
    ("affirmed", "acute"): {
        "cc": ("{w}.", "{w}, sent from clinic.", "Referred for {x}."),
        "hpi": (
            "Admitted with {x}.",
            "{he} was found to have {x}.",
            "Work-up showed {x}.",
            "Transferred for treatment of {x}.",
            "Brought in {when} with {x}.",
        ),
        "ap": (
            "{w}: treatment started today.",
            "{w}, improving.",
            "{w} confirmed.",
            "Treating for {x}.",
            "{w}: recheck in {span}.",
        ),
        "dx": ("Final diagnosis: {w}.", "Discharged with a diagnosis of {w}."),
    },
    ("affirmed", "chronic"): {
        "hpi": (
            "{he} has {x}.",
            "Known {w}, on treatment.",
            "{he} is followed here for {x}.",
            "{he} has lived with {x} for {years} years.",
            "Under treatment for {x}.",
            "Here for follow-up of {x}.",
        ),
        "pmh": (
            "{he} carries a diagnosis of {w}.",
            "{w}, diagnosed in {year}.",
            "{w}, on medication.",
            "{w}, followed by {his} family doctor.",
            "Ongoing {w}.",
        ),
        "ap": (
            "{w}: continue current treatment.",
            "{w}, unchanged.",
            "{w}, well controlled.",
            "Continue therapy for {x}.",
            "{w}: follow up in {span}.",
        ),
        "dx": ("Final diagnosis: {w}.", "Discharged with a diagnosis of {w}."),
    },
    ("negated", "symptom"): {
        "hpi": (
            "Denies {x}.",
            "{he} denies {x}.",
            "Currently without {x}.",
            "No complaints of {x}.",
            "{he} has not noticed {x}.",
            "Negative for {x}.",
        ),
        "exam": ("Without {x} during the visit.", "Denies {x} today."),
    },
    ("negated", "acute"): {
        "hpi": ("No evidence of {x}.", "Tests negative for {x}.", "{he} does not have {x}."),
        "exam": ("No signs of {x}.", "Nothing to suggest {x}."),
        "ap": ("No evidence of {x}.", "Imaging shows no {w}.", "Does not have {x}."),
    },
    ("negated", "chronic"): {
        "hpi": ("{he} has never had {x}.", "{he} does not have {x}.", "Not known to have {x}."),
        "pmh": ("No history of {x}.", "Negative for {x}.", "Never diagnosed with {x}."),
        "ap": ("No evidence of {x}.", "Screening negative for {x}."),
    },
    ("family", "acute"): {
        "fh": ("{relative} had {x}.", "{relative} had {x} at {age}.", "{w} in {his} {relative}."),
        "hpi": ("{his} {relative} had {x}.",),
    },
    ("family", "chronic"): {
        "fh": (
            "{relative} with {x}.",
            "{relative} has {x}.",
            "{relative}: {w}.",
            "{w} in {his} {relative}.",
            "{relative} treated for {x}.",
        ),
        "hpi": ("{his} {relative} has {x}.",),
    },
    ("ruled_out", "acute"): {
        "hpi": (
            "Initial concern for {x}, ruled out by work-up.",
            "Outside team suspected {x}; excluded here.",
        ),
        "ap": (
            "{w} ruled out.",
            "{w} excluded by imaging.",
            "Testing ruled out {x}.",
            "Considered {x}; ruled out.",
        ),
    },
    ("ruled_out", "chronic"): {
        "hpi": ("Was told {he} might have {x}; ruled out.", "Earlier suspicion of {w} was not borne out."),
        "ap": ("{w} ruled out.", "{w} excluded by testing.", "Considered {x}; ruled out."),
    },
    ("resolved", "symptom"): {
        "hpi": ("{w} last {season}, resolved.", "{he} had {x} in {year}, long gone."),
        "pmh": ("{w} in {year}, resolved.", "Past {w}, resolved."),
    },
    ("resolved", "acute"): {
        "hpi": ("{he} had {x} in {year}, fully resolved.", "{he} got over {x} in {year}."),
        "pmh": ("{w} in {year}, resolved.", "Remote {w}, resolved.", "{w} as a child, resolved."),
    },
    ("resolved", "chronic"): {
        "hpi": ("{he} had {x} until {year}; no longer present.",),
        "pmh": (
            "{w} as a teenager, resolved.",
            "Past {w}, resolved in {year}.",
            "{w} until {year}, resolved.",
        ),
    },
}
"""What is said of which group of conditions → section → sentences that say it there."""

EARLIER: dict[What, Sentences] = {
    "negated": {
        "hpi": ("{he} denied {x} at the {year} check-up.", "Last visit: negative for {x}."),
        "pmh": ("Denied {x} in {year}.",),
    },
    "ruled_out": {
        "hpi": ("Concern for {x} in {year}, ruled out then.",),
        "pmh": ("Suspected {w} in {year}, ruled out at that time.",),
    },
    "resolved": {
        "hpi": ("{he} had {x} in {year}, which resolved.", "{w} once before, in {year}, resolved."),
        "pmh": ("Prior {w} in {year}, resolved.", "{w} in {year}, resolved.", "{w} as a child, resolved."),
    },
}
"""Traps put so that they stay true when the same code counts today; those of the family always do."""

ITEMS: dict[What, tuple[str, ...]] = {
    "affirmed": ("{w}",),
    "negated": ("no {w}",),
    "ruled_out": ("{w} (ruled out)",),
    "resolved": ("{w} (resolved {year})", "{w} in {year}, resolved"),
}
EARLIER_ITEMS: dict[What, tuple[str, ...]] = {
    "negated": ("denied {x} in {year}",),
    "ruled_out": ("{w} (suspected {year}, ruled out)",),
}
"""How a list puts it."""

FILLER: Sentences = {
    "hpi": (
        "No recent travel.",
        "No sick contacts.",
        "Came with {his} {companion}.",
        "{he} walked in unaided.",
        "Vaccines are up to date.",
        "Here with an interpreter.",
        "Last seen {years} months ago.",
    ),
    "sh": ("Lives {living}.", "{work}.", "Independent at home.", "Two grown children."),
    "meds": ("Medication list reviewed.", "Takes a daily multivitamin.", "Pill box filled weekly."),
    "exam": (
        "Alert, no acute distress.",
        "BP {systolic}/{diastolic}, pulse {pulse}.",
        "SpO2 {saturation}% on room air.",
        "Oriented and cooperative.",
        "Pupils equal.",
        "Neck supple.",
        "Weight {weight} kg.",
    ),
    "ap": (
        "Return in {span}.",
        "Plan discussed with {his} {companion}.",
        "Labs in the morning.",
        "Call with any change.",
        "Questions answered.",
        "Records requested.",
    ),
}
OPENERS = (
    "{age}-year-old {man}.",
    "{an} {age}-year-old {man}.",
    "This {age}-year-old {man} was seen in clinic.",
    "{age}-year-old {man}, seen with {his} {companion}.",
    "{an} {age}-year-old {man} seen today.",
)
FIELDS: dict[str, tuple[str, ...]] = {
    "span": ("two days", "three days", "a week", "two weeks", "a month", "five days"),
    "when": ("yesterday", "this morning", "Monday", "last night", "last week", "Sunday"),
    "season": ("spring", "summer", "winter", "fall", "year"),
    "year": tuple(str(year) for year in range(2004, 2021)),
    "years": ("three", "four", "five", "six", "eight", "ten"),
    "living": ("alone", "with family", "in a ground-floor flat", "on a farm", "in assisted housing"),
    "work": ("Retired teacher", "Works as a bus driver", "Works in a bakery", "Retired nurse", "Bookkeeper"),
    "companion": ("daughter", "son", "neighbor", "sister", "spouse"),
    "relative": ("mother", "father", "brother", "sister", "aunt", "uncle"),
    "systolic": tuple(str(value) for value in range(108, 130, 2)),
    "diastolic": tuple(str(value) for value in range(64, 82, 2)),
    "pulse": tuple(str(value) for value in range(62, 88, 2)),
    "saturation": ("96", "97", "98", "99"),
    "weight": tuple(str(value) for value in range(58, 96)),
}
