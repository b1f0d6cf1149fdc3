"""`python -m dashboards`: write the dashboards' JSON anew, to where they ship from."""

from __future__ import annotations

from pathlib import Path

from dashboards import experiment, headcount, tiers
from dashboards.frame import Sheet, text_of

FOLDER = Path(__file__).parents[1] / "chaos" / "report" / "dashboards"
SHEETS: dict[str, Sheet] = {
    "experiment": experiment.SHEET,
    "tiers-and-bridge": tiers.SHEET,
    "headcount": headcount.SHEET,
}


def made() -> dict[str, str]:
    """Each dashboard's JSON by its file's name."""
    return {f"{name}.json": text_of(sheet) for name, sheet in SHEETS.items()}


def main() -> None:
    """Write them."""
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
