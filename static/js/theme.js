/* The switch between light, dark and what the system says; the cookie lets the server render it. */
const root = document.documentElement;
const buttons = document.querySelectorAll("[data-theme]");
const YEAR = 365 * 24 * 60 * 60;

function chosen() {
  return document.cookie.match(/(?:^|; )theme=(light|dark)(?:;|$)/)?.[1] ?? "";
}

function show(theme) {
  if (theme) root.dataset.bsTheme = theme;
  else delete root.dataset.bsTheme;
  document.querySelector("meta[name=color-scheme]").content = theme || "light dark";
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    const { theme } = button.dataset;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=${theme ? YEAR : 0}; samesite=lax${secure}`;
    show(theme);
  });
}
// A page that comes back from the cache may show what was chosen before.
addEventListener("pageshow", (event) => event.persisted && show(chosen()));
