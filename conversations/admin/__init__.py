from __future__ import annotations

from conversations.admin.alert import AlertAdmin
from conversations.admin.attachment import AttachmentAdmin
from conversations.admin.bulk_job import BulkItemAdmin, BulkJobAdmin
from conversations.admin.conversation import ConversationAdmin
from conversations.admin.delivery import DeliveryAdmin
from conversations.admin.digest import DigestAdmin
from conversations.admin.draft import DraftAdmin
from conversations.admin.event import DeliveryEventAdmin
from conversations.admin.heartbeat import HeartbeatAdmin
from conversations.admin.hold import HoldAdmin
from conversations.admin.lane import LaneAdmin
from conversations.admin.message import MessageAdmin
from conversations.admin.pausing import PausableChannelAdmin, PausableUserAdmin
from conversations.admin.report import ReportAdmin
from conversations.admin.searches import SavedSearchAdmin, TabLayoutAdmin
from conversations.admin.suppression import EvidenceAdmin, SuppressionAdmin
from conversations.admin.tally import (
    CauseChangeAdmin,
    CauseTallyAdmin,
    TallyAdmin,
    TallyMarkAdmin,
    TotalAdmin,
)

__all__ = [
    "AlertAdmin",
    "AttachmentAdmin",
    "BulkItemAdmin",
    "BulkJobAdmin",
    "CauseChangeAdmin",
    "CauseTallyAdmin",
    "ConversationAdmin",
    "DeliveryAdmin",
    "DeliveryEventAdmin",
    "DigestAdmin",
    "DraftAdmin",
    "EvidenceAdmin",
    "HeartbeatAdmin",
    "HoldAdmin",
    "LaneAdmin",
    "MessageAdmin",
    "PausableChannelAdmin",
    "PausableUserAdmin",
    "ReportAdmin",
    "SavedSearchAdmin",
    "SuppressionAdmin",
    "TabLayoutAdmin",
    "TallyAdmin",
    "TallyMarkAdmin",
    "TotalAdmin",
]
