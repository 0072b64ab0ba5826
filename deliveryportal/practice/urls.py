from __future__ import annotations

from django.urls import path

from deliveryportal.practice import views

app_name = "practice"

urlpatterns = [
    path("", views.arrived, name="arrived"),
    path("<uuid:uuid>/", views.mail, name="mail"),
    path("<uuid:uuid>/raw/", views.raw, name="raw"),
    path("<uuid:uuid>/files/<int:number>/", views.attachment, name="attachment"),
]
