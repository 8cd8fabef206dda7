import type { Entry } from "./entry.ts";

/** The guestbook as a page. The key in the form makes a second click on the button harmless. */
export function page(entries: readonly Entry[], key: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Guestbook</title>
<style>body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto } label { display: block } time { color: #666 }</style>
<h1>Guestbook</h1>
<form method="post" action="/">
  <input type="hidden" name="key" value="${key}">
  <label>Name <input name="name" required maxlength="60"></label>
  <label>Message <textarea name="message" required maxlength="500"></textarea></label>
  <button>Sign</button>
</form>
<ul>${entries.map(item).join("")}</ul>
</html>`;
}

function item({ name, message, at }: Entry): string {
  return `<li><b>${Bun.escapeHTML(name)}</b> <time>${at}</time><br>${Bun.escapeHTML(message)}</li>`;
}
