"""The terms of the tabular list, cleaned and varied."""

import random

import pytest

from scl_rl.synthesis import terms, variants
from scl_rl.synthesis.settings import TabularSettings
from scl_rl.synthesis.tabular import clean_terms, tabular_candidates
from scl_rl.synthesis.terms import CLEANING, Term, cleaned
from scl_rl.synthesis.variants import VARIANTS, varied


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("see", "nevus - see Alphabetical Index", ["nevus"]),
        ("see", "gonococcal sepsis (A54.86)", ["gonococcal sepsis"]),
        ("see", "hypertension (arterial)", ["hypertension (arterial)"]),
        ("brackets", "pulmonary syndrome [HPS] [HCPS]", ["pulmonary syndrome", "HPS", "HCPS"]),
        ("brackets", "capitate [os magnum] bone", ["capitate bone"]),
        (
            "parentheses",
            "Essential (primary) hypertension",
            ["Essential hypertension", "primary hypertension"],
        ),
        (
            "parentheses",
            "hypertension (arterial) (benign)",
            ["hypertension", "arterial hypertension", "benign hypertension"],
        ),
        ("parentheses", "deformity of right finger(s)", ["deformity of right finger"]),
        ("parentheses", "Hantavirus (cardio)-pulmonary syndrome", ["Hantavirus cardio-pulmonary syndrome"]),
        (
            "parentheses",
            "allergic rhinitis with (bronchial) asthma",
            ["allergic rhinitis with asthma", "allergic rhinitis with bronchial asthma"],
        ),
        ("parentheses", "sepsis (due to) gonococci", ["sepsis gonococci"]),
        ("unspecified", "Pneumonia, unspecified organism", ["Pneumonia"]),
        ("unspecified", "Unspecified atrial fibrillation", ["atrial fibrillation"]),
        ("unspecified", "ulcer of unspecified part of left leg", ["ulcer of left leg"]),
        ("unspecified", "Otitis media, unspecified, left ear", ["Otitis media, left ear"]),
        ("unspecified", "Neoplasm of unspecified behavior of unspecified kidney", ["Neoplasm of kidney"]),
        ("unspecified", "Retinal disease NOS", ["Retinal disease"]),
        ("encounter", "Fracture, initial encounter for closed fracture", ["Fracture"]),
        ("encounter", "Fracture, subsequent encounter", ["Fracture, subsequent encounter"]),
        ("other", "Other specified disorders of ear", ["disorders of ear"]),
        ("other", "Arthropathy in diseases classified elsewhere", ["Arthropathy"]),
        ("other", "Other chronic osteomyelitis, other site", ["chronic osteomyelitis"]),
        ("other", "brother with asthma", ["brother with asthma"]),
        ("without", "Calculus of gallbladder without obstruction", ["Calculus of gallbladder"]),
        ("without", "asthma, uncomplicated", ["asthma"]),
        ("and_or", "syncope and collapse", ["syncope and collapse", "syncope", "collapse"]),
        ("and_or", "acute and chronic bronchitis", ["acute and chronic bronchitis"]),
        ("and_or", "burn of hand and wrist", ["burn of hand and wrist"]),
        ("inversion", "Pneumonia, bacterial", ["bacterial pneumonia"]),
        ("inversion", "Asthma, with status asthmaticus", ["Asthma with status asthmaticus"]),
        ("inversion", "Fracture, closed, sequela", ["Fracture, closed, sequela"]),
    ],
)
def test_a_cleaning_rule_alone(rule, text, expected):
    found = [" ".join(made.split()) for made in CLEANING[rule](text)]
    assert found == expected


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("plain_words", "renal calculus", {"kidney calculus", "renal stone", "kidney stone"}),
        ("plain_words", "adrenal tumor", set()),
        ("word_order", "calculus of kidney", {"kidney calculus"}),
        ("word_order", "pain in the left knee", {"left knee pain"}),
        ("word_order", "chest pain", {"pain in chest"}),
        ("word_order", "nausea and vomiting", {"vomiting and nausea"}),
        ("word_order", "pain of mouth due to burn", set()),
        ("spelling", "iron deficiency anemia", {"iron deficiency anaemia"}),
        ("spelling", "oesophageal haemorrhage", {"esophageal hemorrhage"}),
        ("spelling", "chemotherapy", set()),
        ("plurals", "stone in kidney", {"stones in kidney"}),
        ("plurals", "pulmonary embolus", {"pulmonary emboli"}),
        ("plurals", "knee injury", {"knee injuries"}),
        ("plurals", "pneumonia", set()),
        ("abbreviations", "chronic kidney disease", {"CKD"}),
        ("abbreviations", "fracture of left hip", {"fx of left hip", "fracture of L hip", "fx of L hip"}),
        ("typos", "gout", set()),
    ],
)
def test_a_rule_of_variation_alone(rule, text, expected):
    assert set(VARIANTS[rule](text, random.Random(0))) - {text} == expected


def test_every_rule_has_a_switch_and_no_switch_is_idle():
    parts = {"title", "inclusion", "parent", "reference"}
    assert set(TabularSettings.model_fields) == {*parts, *CLEANING, *VARIANTS}


def test_a_typing_error_is_one_edit_of_a_long_word_and_not_of_its_first_letter():
    for seed in range(200):
        (typed,) = variants.typos("acute pneumonia", random.Random(seed))
        first, second = typed.split()
        assert first[0] == "a" and second[0] == "p"
        assert (first == "acute") != (second == "pneumonia")
        assert abs(len(typed) - len("acute pneumonia")) <= 1


def test_rules_add_up_and_are_kept():
    switches = TabularSettings().switches()
    found = cleaned(Term("Other pneumonia, bacterial NOS", ("inclusion",)), switches)
    assert found == [Term("bacterial pneumonia", ("inclusion", "unspecified", "other", "inversion"))]
    off = TabularSettings(other=False, unspecified=False)
    assert [t.text for t in cleaned(Term("Other pneumonia", ("title",)), off.switches())] == [
        "other pneumonia"
    ]


def test_at_most_two_rules_vary_a_term():
    found = varied(Term("fracture of left femur with anemia", ("title",)), list(VARIANTS), "0")
    assert all(len(term.rules) <= 3 for term in found)
    assert any(term.rules[1:] == ("spelling", "abbreviations") for term in found)


def test_the_terms_of_a_code():
    texts = {term.text: term.rules for term in clean_terms("I10", TabularSettings())}
    assert texts["high blood pressure"] == ("inclusion",)
    assert texts["benign hypertension"] == ("inclusion", "parentheses")
    assert texts["essential hypertension"][0] == "title"


def test_an_unspecified_code_has_the_terms_of_what_it_stands_under():
    assert "gout flare" in {term.text for term in clean_terms("M10.9", TabularSettings())}
    assert "gout flare" not in {term.text for term in clean_terms("M10.9", TabularSettings(parent=False))}
    assert "gout flare" not in {term.text for term in clean_terms("M10.00", TabularSettings())}


def test_what_excludes_notes_call_a_code():
    assert "gonococcal peritonitis" in terms.references()["A54.85"]


def test_wordings_depend_on_the_seed_and_not_on_other_codes():
    settings = TabularSettings()
    one = list(tabular_candidates(["N20.0"], settings, 0))
    assert one == [c for c in tabular_candidates(["I10", "N20.0"], settings, 0) if c.code == "N20.0"]
    assert one != list(tabular_candidates(["N20.0"], settings, 1))
    assert len({candidate.key for candidate in one}) == len(one)
    assert {candidate.text for candidate in one} >= {"kidney stone", "renal stones", "renal calculus"}


def test_a_rule_that_is_off_makes_nothing():
    off = dict.fromkeys([*CLEANING, *VARIANTS], False)
    found = list(tabular_candidates(["J18.9"], TabularSettings(**off, reference=False, parent=False), 0))
    assert [(c.text, c.rules) for c in found] == [("pneumonia, unspecified organism", ("title",))]
