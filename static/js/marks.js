/* Marks the words searched for, without touching the page: a highlight of the browser's own. */
const field = document.querySelector("[data-search] [type=search]");

function ranges(cell, words) {
  const node = cell.firstChild;
  if (node?.nodeType !== Node.TEXT_NODE) return [];
  const text = node.data.toLowerCase();
  // Some letters change their length with their case: then positions would not agree.
  if (text.length !== node.data.length) return [];
  const found = [];
  for (const word of words) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + word.length);
      found.push(range);
    }
  }
  return found;
}

function mark() {
  CSS.highlights.delete("found");
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const cells = document.querySelectorAll("[data-records] tbody :is(th a, td:not([class]))");
  if (words.length === 0) return;
  CSS.highlights.set("found", new Highlight(...[...cells].flatMap((cell) => ranges(cell, words))));
}

if (field && "highlights" in CSS) {
  mark();
  document.addEventListener("list:changed", mark);
}
