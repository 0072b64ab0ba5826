from __future__ import annotations

from django.conf import settings
from django.db import models


class TabLayout(models.Model):
    """How one user wants one tab of Conversations: its columns, and rows on a page."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    tab = models.CharField(max_length=20)
    columns = models.JSONField(default=list)
    rows = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tab"], name="conv_tab_layout_one_a_tab"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.tab}"
