/* The form of a record: Ctrl+Enter saves, and unsaved changes are not lost by leaving. */
const form = document.querySelector("[data-record-form]");
let leaving = false;

function changed(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) {
    const before = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(before, 0);
  }
  return field.defaultValue !== undefined && field.value !== field.defaultValue; // no button
}

// What a refused form shows is not saved either, though nobody has changed it since.
function unsaved() {
  return document.getElementById("form-errors") !== null || [...form.querySelectorAll("input, select, textarea")].some(changed);
}

function guard(event) {
  if (!leaving && unsaved()) event.preventDefault();
}

form.addEventListener("submit", (event) => { leaving = !event.defaultPrevented; });
addEventListener("pageshow", () => { leaving = false; });
if (unsaved()) addEventListener("beforeunload", guard);
else form.addEventListener("input", () => addEventListener("beforeunload", guard), { once: true });

// The back button brings the page anew, with what was typed: it is still the form that was sent.
const token = form.elements._submission;
if (token && history.state?.submission) token.value = history.state.submission;
else if (token) history.replaceState({ ...history.state, submission: token.value }, "");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[data-save]"));
});
