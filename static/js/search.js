/* Search as you type: the page of the same address is fetched, and its live parts take the place
   of those here. The search field itself is never touched, so focus and caret stay. */
const DELAY = 200; // milliseconds after the last key
const form = document.querySelector("[data-search]");
const field = form?.querySelector("[type=search]");
const status = document.querySelector("[data-announce]");
let timer;
let request = new AbortController();
let shown = field?.value.trim();

function address() {
  const url = new URL(form.getAttribute("action"), location.href);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  return url;
}

function swap(page) {
  const inside = document.activeElement.closest("[data-live]");
  for (const fresh of page.querySelectorAll("[data-live]")) {
    document.getElementById(fresh.id)?.replaceWith(fresh);
  }
  if (inside) field.focus(); // what had the focus is gone
}

function explain(text) {
  const place = document.createElement("p");
  place.className = "blank";
  place.textContent = text;
  document.getElementById("results").replaceChildren(place);
  status.textContent = text;
}

function said(page) {
  const parts = [...page.querySelectorAll("[data-explanation]")];
  return parts.map((part) => part.textContent.trim()).join(" ") || status.dataset.failed;
}

async function search() {
  const typed = field.value.trim();
  if (typed === shown) return;
  shown = typed;
  request.abort();
  request = new AbortController();
  const { signal } = request;
  try {
    const answer = await fetch(address(), { signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (signal.aborted) return;
    if (!answer.ok) {
      explain(said(page));
      return;
    }
    history.replaceState(history.state, "", answer.url);
    swap(page);
    status.textContent = document.querySelector("[data-summary]").textContent.trim();
    document.dispatchEvent(new Event("list:changed"));
  } catch (error) {
    if (error.name !== "AbortError") explain(status.dataset.failed);
  }
}

function soon(event) {
  clearTimeout(timer);
  if (!event.isComposing) timer = setTimeout(search, DELAY);
}

field?.addEventListener("input", soon);
field?.addEventListener("compositionend", soon);
form?.addEventListener("submit", (event) => {
  clearTimeout(timer);
  const first = document.querySelector("[data-records] tbody th a");
  if (field.value.trim() !== shown || !first) return;
  event.preventDefault(); // the list shows it already: Enter goes on to the first record
  first.focus();
});
