/* A form that is on its way is not sent again by a second click. */
const PATIENCE = 8000; // milliseconds without an answer until one may try again

function release(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button")) button.disabled = false;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.getAttribute("method") !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  // Later, because a disabled button would not send its name and value.
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
  setTimeout(() => release(form), PATIENCE);
});

// The back button may bring the page back as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) release(form);
});
