/* Single keys: search, new, edit, up and down a list and to a place in it, and their dialog. */
const dialog = document.getElementById("keys-dialog");
const enabled = dialog.querySelector("[data-keys-on]");

// Storage may be forbidden: then the keys are on, on every page anew.
function stored() {
  try { return localStorage.getItem("keys"); } catch { return null; }
}
function store(value) {
  try { localStorage.setItem("keys", value); } catch { /* see above */ }
}

function follow(selector) {
  document.querySelector(selector)?.click();
}

function search() {
  const field = document.querySelector("[data-search] [type=search]");
  field?.focus();
  field?.select();
}

function move(step) {
  const links = [...document.querySelectorAll("[data-records] tbody th a")];
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[next]?.focus();
}

function edit() {
  const record = document.activeElement.closest?.("[data-records] tbody th a");
  if (!record) { follow("[data-edit]"); return; }
  const url = new URL(record.href);
  url.pathname += "/edit";
  location.assign(url);
}

const ACTIONS = {
  "/": search,
  n: () => follow("[data-new]"),
  e: edit,
  j: () => move(1),
  k: () => move(-1),
  g: () => document.getElementById("goto")?.focus(),
  "?": () => dialog.showModal(),
};

enabled.checked = stored() !== "off";
enabled.addEventListener("change", () => store(enabled.checked ? "on" : "off"));
document.querySelector("[data-keys-open]").addEventListener("click", () => dialog.showModal());

document.addEventListener("keydown", (event) => {
  const action = Object.hasOwn(ACTIONS, event.key) && ACTIONS[event.key];
  if (!action || !enabled.checked || dialog.open || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  action();
});
