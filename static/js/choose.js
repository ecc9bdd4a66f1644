/* Choosing records of a list: a click with Shift chooses all between, the head chooses the page. */
let last = null;

function boxes() {
  return [...document.querySelectorAll("[data-records] tbody input[name=key]")];
}

function tell() {
  const all = boxes();
  const number = all.filter((box) => box.checked).length;
  const head = document.querySelector("[data-choose-page]");
  if (head) {
    head.checked = number > 0 && number === all.length;
    head.indeterminate = number > 0 && number < all.length;
  }
  const form = document.querySelector("[data-bulk]");
  const place = form?.querySelector("[data-chosen]");
  if (place) place.textContent = form.dataset.words.replace("{number}", String(number));
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (box.matches?.("[data-choose-page]")) {
    for (const each of boxes()) each.checked = box.checked;
  } else if (box.matches?.("[data-records] input[name=key]")) {
    const all = boxes();
    const from = all.indexOf(last);
    const to = all.indexOf(box);
    if (event.shiftKey && from >= 0) {
      for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) each.checked = box.checked;
    }
    last = box;
  } else {
    return;
  }
  tell();
});

// The back button, and a search, bring boxes as they were, or other ones.
addEventListener("pageshow", tell);
document.addEventListener("list:changed", () => {
  last = null;
  tell();
});
