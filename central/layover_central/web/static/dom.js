// Building and keeping nodes. Text is only ever inserted as text: a site may be called anything.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `attributes` with null or false are left away, children may be nodes or text. */
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A shape from the sprite. It always stands beside a word, so it is hidden from readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

const shown = new WeakMap();

/** Makes a parent's children those of `items`, touching only what changed; focus stays put. */
export function keyed(parent, items, keyOf, render) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const key = String(keyOf(item));
    const text = JSON.stringify(item);
    let node = old.get(key);
    old.delete(key);
    if (!node || shown.get(node) !== text) {
      const fresh = render(item);
      fresh.dataset.key = key;
      shown.set(fresh, text);
      if (node) replaceKeepingFocus(node, fresh);
      node = fresh;
    }
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
  for (const node of old.values()) node.remove();
}

function replaceKeepingFocus(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  old.replaceWith(fresh);
  if (focused) fresh.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

/** The list inside a section's body, made once and kept, so that it can be changed in place. */
export function held(body, name, make) {
  const known = body.firstElementChild;
  if (body.childElementCount === 1 && known.dataset.held === name) return known;
  const node = make();
  node.dataset.held = name;
  body.replaceChildren(node);
  return node;
}
