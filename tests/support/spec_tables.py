"""Spec tables to break, and an invented registration to check. Holds no expectations."""

import shutil
from pathlib import Path
from typing import Final

import openehc.spec

DATA: Final = Path(openehc.spec.__file__).with_name("data")


def copied_tables(folder: Path) -> Path:
    """The shipped tables, copied so that a test may break one."""
    return Path(shutil.copytree(DATA, folder / "data"))


def replace_once(file: Path, *, old: str, new: str) -> int:
    """Replace the first `old` in `file`; the number of its line, counted from 1."""
    text = file.read_text(encoding="utf-8")
    place = text.index(old)
    file.write_text(text[:place] + new + text[place + len(old) :], encoding="utf-8")
    return text.count("\n", 0, place) + 1


def registration() -> dict[str, object]:
    """An invented resident's registration, complete, as a hospital would send it."""
    return {
        "out_register_no": "R20240301000001",
        "out_register_time": "20240301083000",
        "certificate_mode": "01",
        "apply_method": "3",
        "id_type": "01",
        "id_no": "110101199003070134",
        "user_name": "甄样本",
        "user_sex": "1",
        "mobile_phone": "13800000000",
    }


def verification() -> dict[str, object]:
    """An invented verification with the fields that every client sends."""
    return {
        "ehealth_code": f"{'A1' * 32}:0:{'B2' * 16}:1101A0001APPB0001",
        "out_verify_no": "V20240301000001",
        "out_verify_time": "20240301083000",
        "operator_id": "001",
        "operator_name": "窗口一",
        "treatment_code": "010101",
    }
