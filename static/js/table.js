/* A table that fits its panel lets its head stick to the window; a wider one scrolls by itself. */
const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => check(target)));

function check(box) {
  const fits = box.querySelector("table").offsetWidth <= box.clientWidth;
  box.dataset.fits = fits ? "yes" : "no";
  if (fits) box.removeAttribute("tabindex");
  else box.tabIndex = 0; // so that the keyboard can scroll it
}

function watch() {
  watcher.disconnect();
  for (const box of document.querySelectorAll("[data-scroll]")) watcher.observe(box);
}

watch();
document.addEventListener("list:changed", watch);
