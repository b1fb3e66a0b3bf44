"""Words that clinicians write in several ways. Written by hand, from general clinical usage."""

from __future__ import annotations

ABBREVIATIONS = """\
abdominal aortic aneurysm = AAA; acute kidney injury = AKI; acute kidney failure = AKF; acute
respiratory distress syndrome = ARDS; alzheimer's disease = AD; atrial fibrillation = AF;
attention-deficit hyperactivity disorder = ADHD; benign prostatic hyperplasia = BPH; blood pressure
= BP; bone marrow = BM; breast cancer = BrCa; cerebrovascular accident = CVA; cerebrovascular
disease = CVD; chest pain = CP; chronic kidney disease = CKD; chronic obstructive pulmonary disease
= COPD; congestive heart failure = CHF; coronary artery disease = CAD; deep vein thrombosis = DVT;
deep venous thrombosis = DVT; diabetes mellitus = DM; end stage renal disease = ESRD;
gastro-esophageal reflux disease = GERD; gastrointestinal = GI; heart failure = HF; hepatitis b =
HBV; hepatitis c = HCV; human immunodeficiency virus = HIV; hypertension = HTN; hyperlipidemia =
HLD; intracranial hemorrhage = ICH; irritable bowel syndrome = IBS; inflammatory bowel disease =
IBD; lower back = LB; low back pain = LBP; lower extremity = LE; upper extremity = UE; lower
respiratory tract infection = LRTI; upper respiratory infection = URI; major depressive disorder =
MDD; multiple sclerosis = MS; myocardial infarction = MI; nausea and vomiting = N/V; obstructive
sleep apnea = OSA; osteoarthritis = OA; peripheral vascular disease = PVD; pulmonary embolism = PE;
rheumatoid arthritis = RA; shortness of breath = SOB; squamous cell carcinoma = SCC; basal cell
carcinoma = BCC; subarachnoid hemorrhage = SAH; subdural hematoma = SDH; systemic lupus
erythematosus = SLE; transient ischemic attack = TIA; traumatic brain injury = TBI; tuberculosis =
TB; type 1 diabetes mellitus = T1DM; type 2 diabetes mellitus = T2DM; urinary tract infection = UTI;
ventricular tachycardia = VT; abdominal = abd; bilateral = b/l; cancer = ca; carcinoma = ca; chronic
= chr; disease = dz; fracture = fx; history = hx; infection = infxn; left = L; right = R; secondary
to = 2/2; due to = d/t; with = w/; without = w/o; pregnancy = preg; syndrome = synd
"""

PLAIN = """\
alopecia = hair loss; arthralgia = joint pain; calculus = stone; calculi = stones; cardiac = heart;
cephalalgia = headache; cerebral = brain; cerebral infarction = stroke; cholelithiasis = gallstones;
contusion = bruise; cutaneous = skin; diabetes mellitus = diabetes; dysphagia = difficulty
swallowing; dyspnea = shortness of breath; edema = swelling; epistaxis = nosebleed; erythema =
redness; gastric = stomach; hemorrhage = bleeding; hepatic = liver; hypertension = high blood
pressure; hypotension = low blood pressure; intestinal = bowel; laceration = cut; malignant neoplasm
= cancer; benign neoplasm = benign tumor; myalgia = muscle pain; myocardial infarction = heart
attack; nasal = nose; neoplasm = tumor; nephrolithiasis = kidney stones; ocular = eye; osseous =
bone; otitis media = middle ear infection; pruritus = itching; pulmonary = lung; pyrexia = fever;
renal = kidney; syncope = fainting; thoracic = chest; tinnitus = ringing in the ears; urticaria =
hives; vertigo = dizziness; varicella = chickenpox; zoster = shingles; acute = sudden; obesity =
excess weight; insomnia = trouble sleeping
"""

SPELLING = """\
anemi = anaemi; leukemi = leukaemi; ischemi = ischaemi; uremi = uraemi; glycemi = glycaemi; lipidemi
= lipidaemi; kalemi = kalaemi; natremi = natraemi; calcemi = calcaemi; volemi = volaemi; septicemi =
septicaemi; bacteremi = bacteraemi; toxemi = toxaemi; hemorrhag = haemorrhag; hemato = haemato;
hematu = haematu; hemop = haemop; hemog = haemog; hemol = haemol; hemang = haemang; hemarthr =
haemarthr; edema = oedema; esophag = oesophag; estrogen = oestrogen; rrhea = rrhoea; pnea = pnoea;
tumor = tumour; pediatric = paediatric; gynec = gynaec; celiac = coeliac; cecum = caecum; cecal =
caecal; fecal = faecal; feces = faeces; cesarean = caesarean; behavior = behaviour; orthopedic =
orthopaedic; maneuver = manoeuvre
"""
"""Stems, American = British."""

COUNTED = """\
abscess; aneurysm; attack; bite; blister; burn; calculus = calculi; clot; contusion; convulsion;
cyst; defect; disorder; diverticulum = diverticula; embolus = emboli; episode; fistula; fracture;
gallstone; headache; hematoma; hemorrhoid; hernia; infarct; infarction; infection; infestation;
injury; laceration; lesion; migraine; neoplasm; nevus = nevi; nodule; obstruction; polyp; puncture;
rash; seizure; sprain; stone; strain; stricture; tear; thrombosis = thromboses; thrombus = thrombi;
tumor; ulcer; wart; wound
"""
"""Nouns that a note may have in the plural; regular where no plural is given."""


def pairs(table: str) -> list[tuple[str, str]]:
    """The entries of a table, the longest left side first; the right side is empty where there is none."""
    entries = [" ".join(entry.split()) for entry in table.split(";")]
    parts = [entry.partition(" = ") for entry in entries]
    return sorted(((left, right) for left, _, right in parts), key=lambda pair: (-len(pair[0]), pair))
