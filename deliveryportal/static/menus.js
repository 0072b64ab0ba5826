/* A menu that is open closes on Escape, on a press elsewhere, and when the focus leaves.

   Without this file it closes by the button that opened it. */

const OPEN = ".menu[open]";

for (const moved of ["pointerdown", "focusin"]) {
  document.addEventListener(moved, (event) => {
    for (const menu of document.querySelectorAll(OPEN)) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
}

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(OPEN);
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
