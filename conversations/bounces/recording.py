from __future__ import annotations


def record_report(report_id: int) -> None: ...
