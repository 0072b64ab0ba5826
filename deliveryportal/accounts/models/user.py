from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.timezone import now


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    @transaction.atomic
    def create_superuser(self, email: str, password: str, name: str = "") -> User:
        """Create an admin, who is also the manager of a team of their own.

        Whoever may do that is trusted with the address they give: no mail has to arrive
        there first, since it may take an admin to make mail work.
        """
        from allauth.account.models import EmailAddress  # noqa: PLC0415 - it needs User

        from deliveryportal.accounts.joining import found_team  # noqa: PLC0415 - it needs User

        user = self.model(
            email=self.normalize_email(email),
            name=name or email.partition("@")[0],
            is_staff=True,
            is_superuser=True,
        )
        user.set_password(password)
        found_team(user)
        EmailAddress.objects.create(
            user=user, email=user.email.lower(), primary=True, verified=True
        )
        return user

    def only_admins(self) -> bool:
        """Whether nobody has come yet but those who run the installation."""
        return not self.filter(is_superuser=False).exists()


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who signs in by email and belongs to one team."""

    class Role(models.TextChoices):
        MEMBER = "member"
        MANAGER = "manager"

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="members"
    )
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    is_active = models.BooleanField(
        default=True, help_text="Switch off instead of deleting a person."
    )
    is_staff = models.BooleanField(default=False, help_text="May enter Django admin.")
    time_zone = models.CharField(
        max_length=60,
        blank=True,
        help_text="As in Europe/Berlin. Empty: the installation's.",
    )
    # Whether their mail waits a moment, in which Send can be undone.
    can_undo = models.BooleanField("undo after Send", default=True)
    # Of a manager; nobody else is mailed it.
    daily_digest = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            # Anna@ and anna@ sign in as the same person.
            models.UniqueConstraint(
                Lower("email"), name="accounts_user_email_any_case"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.time_zone or settings.TIME_ZONE)
        except (ZoneInfoNotFoundError, ValueError):  # one that is no more
            return ZoneInfo(settings.TIME_ZONE)

    @property
    def is_manager(self) -> bool:
        return self.role == self.Role.MANAGER

    def clean(self) -> None:
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)
