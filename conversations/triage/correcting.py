"""Sending again to the right address. The failure of the wrong one stays on record."""

from __future__ import annotations

from channels.addresses import Address, AddressError, parse_address
from conversations.models import Delivery
from conversations.triage.known import what_is_known
from conversations.triage.order import Order, Skipped
from conversations.triage.sending_again import send_again

ALREADY_TO_IT = (
    "{address} is a recipient of this very mail, which for that address {known}: it is "
    "not sent there a second time. Write another address, or decide about the failure."
)


def correct(deliveries: list[Delivery], order: Order) -> Skipped:
    """Send each to the address filled in for it, or from the wrong to the right domain."""
    skipped: Skipped = {}
    addresses: dict[int, Address] = {}
    for delivery in deliveries:
        try:
            addresses[delivery.pk] = corrected(delivery, order)
        except AddressError as error:
            skipped[delivery.pk] = str(error)
    rest = [each for each in deliveries if each.pk not in skipped]
    return skipped | send_again(
        rest, order, lambda delivery: delivery.channel, addresses
    )


def corrected(delivery: Delivery, order: Order) -> Address:
    """Return the address to use; raise AddressError if there is none."""
    written = order.options.get("addresses", {}).get(str(delivery.uuid), "")
    domain = order.options.get("domain", "")
    if domain:
        wrong = order.options.get("wrong", "")
        name, _, its = delivery.recipient.rpartition("@")
        if its.casefold() != wrong.casefold():
            raise AddressError(f"It is not at {wrong}, so it was left as it is.")
        written = f"{name}@{domain}"
    if not written.strip():
        raise AddressError("No other address was given.")
    address = parse_address(written)
    if address.wire.casefold() == delivery.recipient_wire.casefold():
        raise AddressError("The address is the same as before.")
    for other in delivery.message.deliveries.all():
        if other.recipient_wire.casefold() != address.wire.casefold():
            continue
        known = what_is_known(other)
        if known.asks:
            raise AddressError(ALREADY_TO_IT.format(address=address.shown, known=known))
    return Address(
        name=address.name or delivery.recipient_name,
        shown=address.shown,
        wire=address.wire,
    )
