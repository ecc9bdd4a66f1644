/* Small things of a list: Shift sorts by one more column, empty filters stay out of the URL,
   the filters close again, and the record that one comes back to has the focus. */
document.addEventListener("click", (event) => {
  const heading = event.target.closest?.("a[data-add]");
  if (!heading || !event.shiftKey) return;
  event.preventDefault();
  location.assign(heading.dataset.add);
});

document.addEventListener("formdata", (event) => {
  if (event.target.getAttribute("method") !== "get") return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});

const filter = document.querySelector("[data-filter]");
document.addEventListener("pointerdown", (event) => {
  if (filter?.open && !filter.contains(event.target)) filter.open = false;
});
filter?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !filter.open) return;
  filter.open = false;
  filter.querySelector("summary").focus();
});

function arrive() {
  const record = document.getElementById(location.hash.slice(1));
  if (document.activeElement === document.body) {
    record?.querySelector("th a")?.focus({ preventScroll: true });
  }
}
// Later than the browser, which takes the focus to the place that the address names.
if (location.hash.startsWith("#record-")) addEventListener("load", () => setTimeout(arrive));
