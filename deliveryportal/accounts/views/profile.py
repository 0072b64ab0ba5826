from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.forms import ProfileForm
from deliveryportal.accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: UserRequest) -> HttpResponse:
    """One's own name, time zone and habits."""
    # A copy: a name that is refused must not stand in the page's head.
    me = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=me)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            record(
                Area.SETTINGS,
                "Changed their profile",
                me.name,
                by=me,
                fields=form.changed_data,
            )
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form})
