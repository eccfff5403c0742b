import time
from pathlib import Path
from sixfold.stages import Evaluate
OUT = Path("/work/tmp/eval")
def go(case, name):
    work = case.work("evaluate", lambda e: print(e) if "Note" in type(e).__name__ else None)
    t = time.time()
    about = Evaluate().run(case.product, case.inputs, work)
    print(name, time.time() - t, about["figures"], [g["state"] for g in about["gates"]])
    (OUT / f"{name}.html").write_bytes(work.store.get(work.members["report.html"]))
    (OUT / f"{name}.json").write_bytes(work.store.get(work.members["report.json"]))
def test_d(digits_case): go(digits_case, "digits")
def test_t(tumour_case): go(tumour_case, "tumour")
