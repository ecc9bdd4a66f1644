/* Menus close again: by Escape, by a click elsewhere, and once their form is sent. */
const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("pointerdown", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const menu = event.target.closest("details[data-menu]");
  if (menu) setTimeout(() => { menu.open = false; });
});
