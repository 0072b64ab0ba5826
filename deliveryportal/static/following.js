/* What htmx leaves undone where links fetch a part of a page.

   Without this file a link that fails does nothing, and the focus may be lost. */

/* A page that does not come is asked for once more by the browser, which shows why. */
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failed, ({ detail }) => {
    if (detail.boosted) location.assign(detail.pathInfo.finalRequestPath);
  });
}

/* What had the focus is not there any more: whoever uses the keyboard goes on from here. */
document.addEventListener("htmx:afterSettle", ({ target, detail }) => {
  if (!detail.boosted || document.activeElement !== document.body) return;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
});
