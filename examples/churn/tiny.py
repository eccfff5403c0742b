"""A few made-up customers: those who came lately and pay by the month leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = "tenure,MonthlyCharges,TotalCharges,Contract,InternetService,PaymentMethod,Churn"


def make(folder: Path) -> dict[str, str]:
    """A table for training and one for testing; returns where they are."""
    draw, files = np.random.default_rng(0), {}
    for split, rows in {"train": 300, "test": 80}.items():
        lines = [COLUMNS]
        for _ in range(rows):
            tenure, charges = draw.integers(0, 72), round(draw.uniform(20, 120), 2)
            contract = draw.choice(["Month-to-month", "One year", "Two year"])
            leaves = "Yes" if tenure < 20 + draw.normal(0, 6) and contract == "Month-to-month" else "No"
            service, payment = draw.choice(["DSL", "Fiber optic", "No"]), draw.choice(["Mailed check", "Bank transfer"])
            lines.append(f"{tenure},{charges},{tenure * charges:.2f},{contract},{service},{payment},{leaves}")
        files[split] = str(folder / f"{split}.csv")
        Path(files[split]).write_text("\n".join(lines) + "\n", "utf-8")
    return files
