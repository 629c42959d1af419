
"use strict";
// Common to all pages: the data, safe creation of elements (text only, never HTML), search, tooltip, light and dark.
const btfkit = {
  data: JSON.parse(document.getElementById("data").textContent),
  search: document.getElementById("search"),

  // An element: el("td.num", {title: "..."}, "text", child, ...); a property that begins with "on" is a listener.
  el(what, properties, ...children) {
    const [tag, ...classes] = what.split(".");
    const node = document.createElement(tag);
    if (classes.length) node.className = classes.join(" ");
    for (const [key, value] of Object.entries(properties || {})) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined && child !== "") node.append(child);
    }
    return node;
  },

  // A name that is safe to show: unprintable characters and marks that change the direction of text are escaped.
  shown(name) {
    return String(name).replace(/[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu,
      (c) => "\\" + (c.codePointAt(0) < 256 ? "x" + c.codePointAt(0).toString(16).padStart(2, "0") : "u" + c.codePointAt(0).toString(16).padStart(4, "0")));
  },

  // The text with the search words marked.
  marked(text, words) {
    const at = words ? text.toLowerCase().indexOf(words) : -1;
    if (at < 0) return [text];
    return [text.slice(0, at), btfkit.el("mark", null, text.slice(at, at + words.length)), text.slice(at + words.length)];
  },

  // 1234567 as "1,234,567".
  number(value) {
    return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  },

  // A count and its noun: "1 hole", "2 holes".
  count(value, word) {
    return `${btfkit.number(value)} ${word}${value === 1 ? "" : "s"}`;
  },

  searched: "",

  // Puts words into the search box without a call of `then`.
  setSearch(words) {
    btfkit.search.value = words;
    btfkit.searched = words;
  },

  // Calls `then` with the text of the search box, in lower case, whenever it changes.
  onSearch(then) {
    let timer = 0;
    if (!btfkit.search) return;
    const now = () => {
      const words = btfkit.search.value.trim().toLowerCase();
      if (words !== btfkit.searched) then((btfkit.searched = words));
    };
    btfkit.search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(now, 120); });
    btfkit.search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { btfkit.search.value = ""; now(); }
      if (event.key === "Enter") { clearTimeout(timer); now(); }
    });
  },

  // Shows the result of `describe(element)` (text or elements; null: nothing) for the element under the pointer or in focus that matches `selector`.
  tips(root, selector, describe) {
    const tip = document.getElementById("tip");
    const hide = () => { tip.hidden = true; };
    const show = (event, target, x, y) => {
      const content = describe(target, event);
      if (content === null) return hide();
      tip.replaceChildren(...[content].flat());
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
      tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 18}px`;
    };
    root.addEventListener("pointermove", (event) => {
      const target = event.target.closest(selector);
      if (target) show(event, target, event.clientX, event.clientY); else hide();
    });
    root.addEventListener("pointerleave", hide);
    root.addEventListener("focusin", (event) => {
      const target = event.target.closest(selector);
      if (!target) return;
      const box = target.getBoundingClientRect();
      show(event, target, box.left, box.bottom - 10);
    });
    root.addEventListener("focusout", hide);
    addEventListener("scroll", hide, { passive: true });
  },
};
{
  const root = document.documentElement;
  const remember = (value) => { try { localStorage.setItem("btfkit-theme", value); } catch { /* storage is not available */ } };
  let chosen = null;
  try { chosen = localStorage.getItem("btfkit-theme"); } catch { /* storage is not available */ }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember(root.dataset.theme);
  });
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const box = document.getElementById("names") || btfkit.search;
      event.preventDefault();
      box.focus();
      box.select();
    }
  });
}
