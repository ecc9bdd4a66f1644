/* A field that is filled in is ticked. */
const form = document.querySelector("[data-set-form]");

form.addEventListener("input", (event) => {
  const tick = event.target.closest(".set-field")?.querySelector("[name=set]");
  if (tick && event.target !== tick) tick.checked = true;
});
