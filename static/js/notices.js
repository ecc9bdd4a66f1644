/* A message that has been read can be put away. */
for (const button of document.querySelectorAll("[data-dismiss]")) {
  button.addEventListener("click", () => {
    button.parentElement.remove();
    document.getElementById("page-main").focus({ preventScroll: true });
  });
}
