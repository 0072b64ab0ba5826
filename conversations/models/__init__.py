from __future__ import annotations

from conversations.models.alert import Alert
from conversations.models.attachment import Attachment
from conversations.models.bulk_job import BulkItem, BulkJob
from conversations.models.cause_tally import CauseChange, CauseTally
from conversations.models.conversation import Conversation
from conversations.models.delivery import Delivery
from conversations.models.digest import Digest
from conversations.models.draft import Draft
from conversations.models.event import DeliveryEvent
from conversations.models.evidence import Evidence
from conversations.models.heartbeat import Heartbeat
from conversations.models.hold import Hold
from conversations.models.lane import Lane
from conversations.models.message import Message
from conversations.models.report import Report
from conversations.models.saved_search import SavedSearch
from conversations.models.suppression import Suppression
from conversations.models.tab_layout import TabLayout
from conversations.models.tally import Tally, TallyMark, Total

__all__ = [
    "Alert",
    "Attachment",
    "BulkItem",
    "BulkJob",
    "CauseChange",
    "CauseTally",
    "Conversation",
    "Delivery",
    "DeliveryEvent",
    "Digest",
    "Draft",
    "Evidence",
    "Heartbeat",
    "Hold",
    "Lane",
    "Message",
    "Report",
    "SavedSearch",
    "Suppression",
    "TabLayout",
    "Tally",
    "TallyMark",
    "Total",
]
