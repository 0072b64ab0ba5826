/* The clock of whoever signs up, in a field nobody sees.

   Without this file it stays empty: the portal's own clock, until they choose one. */

for (const field of document.querySelectorAll("input[type=hidden][name=time_zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
