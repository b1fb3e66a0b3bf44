"""How people write common ICD-10-CM codes: abbreviations, lay terms, clinical variants. Written by hand.

A wording may open with its article, which is no part of it, and may hold one ``[insert]``: words that
can stand inside it and make the mention discontinuous ("high[ systolic] blood pressure"). No wording is
found inside another one, whichever code that belongs to, so a text says at once which code it speaks of.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast, get_args

Condition = Literal["symptom", "acute", "event", "chronic", "relapsing"]

_FORM = re.compile(r"(?:(an?) )?([^\[\]]+)(?:\[([^\[\]]+)\]([^\[\]]+))?")


class Wording(NamedTuple):
    """One way to write a code."""

    text: str
    """The words, lower-case unless an abbreviation or a name."""
    article: str = ""
    """What goes before them in running text: "a", "an" or nothing."""
    split: tuple[str, str, str] | None = None
    """First fragment, what may be inserted after it, second fragment; each with its white space."""

    @classmethod
    def parse(cls, form: str) -> Wording:
        """Read the notation of the lexicon.

        Raises:
            ValueError: it is no such notation.
        """
        match = _FORM.fullmatch(" ".join(form.split()))
        if match is None:
            raise ValueError(f"not a wording: {form!r}")
        article, left, insert, right = match.groups()
        if right is None:
            return cls(left, article or "")
        return cls(left + right, article or "", (left, insert, right))


class Entry(NamedTuple):
    """What is known of one code: the kind of condition it is, and its wordings."""

    condition: Condition
    wordings: tuple[Wording, ...]


_TABLE = """\
I10 chronic
    HTN; hypertension; high[ systolic] blood pressure; elevated[ home] blood pressure; hypertensive disease;
    raised[ resting] BP; hypertensive vascular disease
R07.9 symptom
    chest[ and arm] pain; pain[ and pressure] in the chest; thoracic pain; a chest ache;
    hurting in the chest; aching[ and burning] in the chest; a sore chest
J18.9 acute
    pneumonia; PNA; a lung[ and pleural] infection; an infection[ and consolidation] in the lung;
    pneumonic consolidation; a pneumonic[ lower-lobe] infiltrate; an infected lung
E11.9 chronic
    type 2 diabetes; T2DM; DM2; adult-onset[, diet-controlled] diabetes; NIDDM;
    type II[ non-ketotic] diabetes; non-insulin-dependent diabetes; sugar diabetes
R06.02 symptom
    shortness of breath; SOB; breathlessness; getting winded; a breathless[ and tight] feeling;
    running out of breath; gasping[ and fighting] for breath
N39.0 acute
    a UTI; a urinary tract infection; a urine infection; infected[, cloudy] urine;
    a urinary[ bacterial] infection; a water infection; an infection of the urinary tract
I48.91 relapsing
    atrial fibrillation; AFib; a-fib; fibrillation of the atria; auricular fibrillation; nonvalvular AF;
    fibrillating[, dilated] atria
R50.9 symptom
    a fever; pyrexia; a high[ evening] temperature; a raised[ oral] temperature; running a temperature;
    febrile[ nighttime] episodes; an elevated body temperature
K21.9 relapsing
    GERD; acid[ and bile] reflux; gastroesophageal reflux; reflux disease; GORD; chronic[ nighttime] reflux;
    esophageal acid exposure
N20.0 event
    a kidney stone; nephrolithiasis; a renal[ pelvic] calculus; a renal stone; a staghorn calculus;
    stones[ and gravel] in the kidney; calculi of the kidney
J44.9 chronic
    COPD; chronic obstructive pulmonary disease; chronic obstructive lung disease; COAD;
    chronic[, fixed] airflow obstruction; smoker's lung; chronic obstructive[ large] airway disease
R51.9 symptom
    a headache; cephalgia; cephalalgia; head[ and neck] pain; pain[ and pressure] in the head;
    a pounding[, heavy] head; an aching head
E78.5 chronic
    hyperlipidemia; HLD; elevated lipids; dyslipidemia; high[ fasting] blood lipids; hyperlipemia;
    raised[ fasting] lipid levels
L03.90 acute
    cellulitis; a spreading[ superficial] skin infection; infected[, warm] skin; an SSTI;
    cellulitic[ red] skin; a skin and soft tissue infection
I50.9 chronic
    CHF; congestive heart failure; cardiac[ pump] failure; myocardial failure; a failing heart;
    congestive heart disease; a weak[ and enlarged] heart pump
R42 symptom
    dizziness; lightheadedness; vertigo; giddiness; feeling[ faint and] dizzy; dizzy spells;
    light-headed[ and woozy] spells
E03.9 chronic
    hypothyroidism; an underactive[ and enlarged] thyroid; low[ circulating] thyroid hormone;
    thyroid insufficiency; a sluggish thyroid; myxedema; a hypothyroid state
N17.9 acute
    acute kidney injury; acute renal failure; acute kidney failure; acute[ prerenal] renal injury;
    sudden kidney shutdown; an abrupt[ and severe] loss of kidney function
R10.9 symptom
    abdominal[, cramping] pain; a stomach ache; belly[ and groin] pain; a bellyache; tummy pain; abd pain;
    pain[ and cramping] in the abdomen
I25.10 chronic
    CAD; coronary artery disease; coronary[ vessel] atherosclerosis; coronary heart disease; ASHD;
    narrowed[ and calcified] coronary arteries; clogged heart arteries; atherosclerotic heart disease
I63.9 event
    a stroke; a CVA; a cerebral[ cortical] infarction; a brain[ stem] infarct; a brain attack;
    a cerebrovascular accident; apoplexy
M10.9 relapsing
    gouty arthritis; podagra; gout flares; urate[ crystal] arthritis; gouty[, swollen] joints;
    uric acid arthritis
R11.2 symptom
    nausea[, bloating] and vomiting; N/V; nausea with emesis; queasiness and vomiting; vomiting and nausea;
    feeling sick[, sweating] and throwing up
J45.909 relapsing
    bronchial asthma; reactive airway disease; asthmatic bronchitis; hyperreactive airways;
    twitchy[ and sensitive] airways; asthmatic airway disease
N18.9 chronic
    CKD; chronic kidney disease; chronic[, stable] renal insufficiency; chronic renal failure;
    reduced[ baseline] kidney function; long-standing kidney damage; chronic renal disease
E87.6 acute
    hypokalemia; low[ serum] potassium; potassium deficiency; potassium depletion; hypopotassemia;
    a potassium[ and magnesium] deficit
F32.A relapsing
    depression; a depressive disorder; a depressed[ and tearful] mood; depressive illness;
    a low[, flat] mood; feeling depressed
M54.50 symptom
    low[, aching] back pain; LBP; lumbago; lower back ache; pain[ and stiffness] in the lower back;
    lumbar pain; loin pain
I26.99 event
    a pulmonary embolism; a pulmonary embolus; a lung clot; a clot[ lodged] in the lung;
    pulmonary thromboembolism; blood clots to the lungs
G47.33 chronic
    obstructive sleep apnea; OSA; obstructive[ nighttime] apneas; obstructive hypopnea;
    airway[ and pharyngeal] collapse in sleep; obstructed breathing in sleep
R19.7 symptom
    diarrhea; loose[, greenish] stools; watery[, foul] bowel movements; runny stools; the runs;
    liquid stools; loose motions
D50.9 relapsing
    iron deficiency anemia; low-iron anemia; iron-poor blood; sideropenic anemia; asiderotic anemia;
    anemia[, microcytic,] from low iron
R55 symptom
    syncope; fainting; a blackout; passing[ briefly] out; a vasovagal attack;
    a syncopal[, unwitnessed] episode; a transient loss of consciousness
M25.562 symptom
    pain[ and stiffness] in the left knee; left knee pain; left-sided[ medial] knee pain;
    left knee arthralgia; a sore[, stiff] left knee; an aching left knee
K80.20 relapsing
    cholelithiasis; gallstones; gallbladder[ sludge and] stones; GB stones;
    stones[ and sludge] in the gallbladder; cholecystolithiasis; biliary calculi
R31.9 symptom
    hematuria; blood[ and clots] in the urine; bloody[, dark] urine; urinary bleeding; bloodstained urine;
    passing blood in urine
N40.0 chronic
    BPH; an enlarged[, smooth] prostate; benign prostatic hyperplasia; prostatic enlargement;
    prostatic hypertrophy; benign[ diffuse] growth of the prostate
E87.1 acute
    hyponatremia; low[ serum] sodium; sodium deficiency; hypo-osmolality; sodium[ and chloride] depletion;
    low salt in the blood
M81.0 chronic
    osteoporosis; porous[ and fragile] bones; age-related[ hip] bone loss; osteoporotic bone; brittle bones;
    senile bone thinning
R05.9 symptom
    a dry[ and tickly] cough; a nagging cough; coughing fits; a hacking cough; coughing spells;
    a wet[, rattling] cough; tussive episodes
F41.9 relapsing
    an anxiety disorder; chronic anxiety; excessive[ daily] anxiety; anxious distress;
    persistent[ free-floating] anxiety; an anxiety problem
R53.83 symptom
    fatigue; tiredness; a lack[ of drive and] of energy; lethargy; low energy; feeling[ weak and] tired;
    being worn out
G43.909 relapsing
    migraine attacks; migrainous episodes; episodic[ one-sided] migraine; megrim; a migraine syndrome;
    recurrent[ left-sided] migraines
R00.2 symptom
    palpitations; a racing[ and thumping] heart; skipped[ or extra] heartbeats; heart flutters;
    awareness of heartbeat; a fluttering heart
I82.409 event
    a DVT; deep vein thrombosis; a deep[ calf] vein clot; deep[ femoral] venous thrombosis;
    leg vein thrombosis; a blood clot in the leg
E05.90 relapsing
    hyperthyroidism; an overactive[, tender] thyroid; thyrotoxicosis; excess[ circulating] thyroid hormone;
    a hyperthyroid state; thyroid overactivity
R60.0 symptom
    leg[ heaviness and] swelling; swollen[ and tight] ankles; swelling[ and heaviness] of the legs;
    ankle edema; pedal edema; puffy ankles
M19.90 chronic
    osteoarthritis; DJD; degenerative joint disease; degenerative[ nodal] arthritis; wear-and-tear arthritis;
    arthrosis; degenerative[ hand] joints
K35.80 event
    acute[ uncomplicated] appendicitis; an inflamed[, swollen] appendix; appendiceal inflammation;
    an infected appendix; acute appendiceal infection
R21 symptom
    a skin rash; a skin eruption; an exanthem; a breakout[ of red spots] on the skin; a blotchy[, red] rash;
    an erythematous[, raised] eruption
G40.909 chronic
    epilepsy; a seizure disorder; epileptic fits; recurrent[ generalized] seizures;
    epileptic[ nocturnal] attacks; an epileptic disorder
E86.0 acute
    dehydration; a body water deficit; a dehydrated[ and weak] state; a lack of body water;
    a dried-out state; low[ total] body water
A41.9 acute
    sepsis; septicemia; blood poisoning; a septic[ and toxic] state; septic illness
R30.0 symptom
    dysuria; painful urination; burning[ and stinging] with urination; pain[ and urgency] with urination;
    stinging on passing urine; burning when urinating
E66.9 chronic
    obesity; an obese[ central] body habitus; excess[ central] body fat; adiposity; corpulence;
    too much body fat
R63.4 symptom
    weight loss; losing weight; a loss[ of appetite and] of weight; falling[ body] weight;
    getting[ visibly] thinner; dropping[ several] pounds
J06.9 acute
    an upper[ viral] respiratory infection; an upper respiratory tract infection; a viral URI;
    a viral infection of the upper airways; an upper airway infection
R04.0 symptom
    epistaxis; a nosebleed; bleeding[ and crusting] from the nose; nasal bleeding;
    a nasal[ septal] hemorrhage; a bloody nose
E55.9 relapsing
    vitamin D deficiency; low[ serum] vitamin D; avitaminosis D; hypovitaminosis D; a lack of vitamin D;
    vitamin D insufficiency
H93.19 symptom
    tinnitus; ringing[ and fullness] in the ears; ear ringing; buzzing in the ears;
    noises[ and hissing] in the ears
H66.90 acute
    otitis media; a middle[ and outer] ear infection; an infection[ and fluid] in the middle ear; AOM;
    an inflamed middle ear
K59.00 symptom
    constipation; infrequent[ and painful] bowel movements; hard stools; difficulty passing stool;
    costiveness; sluggish bowels
I21.4 event
    an NSTEMI; a non-ST elevation MI; a non-ST elevation myocardial infarction; a subendocardial infarction;
    a non-Q-wave[ lateral] infarction
K57.30 chronic
    diverticulosis; colonic diverticula; diverticular disease; diverticula[ and polyps] of the colon;
    pouches in the colon
G47.00 symptom
    insomnia; sleeplessness; trouble[ falling or] staying asleep; poor[, broken] sleep;
    an inability to sleep; difficulty sleeping
J02.9 acute
    a sore[, scratchy] throat; acute[ viral] pharyngitis; throat[ and tonsil] soreness; a throat infection;
    an inflamed[, red] throat
"""


def _read(table: str) -> dict[str, Entry]:
    """Each code's line, then its wordings, indented."""
    entries = {}
    for block in re.split(r"\n(?=\S)", table.strip()):
        head, _, forms = block.partition("\n")
        code, condition = head.split()
        if condition not in get_args(Condition):
            raise ValueError(f"{code}: no such kind of condition: {condition}")
        wordings = tuple(Wording.parse(form) for form in forms.split(";"))
        entries[code] = Entry(cast(Condition, condition), wordings)
    return entries


LEXICON: dict[str, Entry] = _read(_TABLE)
"""Code → entry; the most common codes come first, kinds of condition mixed."""
