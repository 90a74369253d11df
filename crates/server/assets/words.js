// The page's words for what scripts add to it, in the page's language.
const language = document.documentElement.lang;
const answer = await fetch(`/assets/words/${language}.json`);
const words = answer.ok ? await answer.json() : {};

/** The words under `key`, with `{name}` filled in. */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** 63.4 → "1:03.4" */
export function clock(seconds, digits = 1) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60 + 1e-9);
  const rest = (whole - minutes * 60).toFixed(digits);
  return rest >= 60 ? clock(minutes * 60 + 60, digits) : `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

/** Seconds that are left, in words. */
export function left(seconds) {
  if (seconds == null) return " ";
  return seconds < 90
    ? say("left.seconds", { n: Math.max(1, Math.round(seconds)) })
    : say("left.minutes", { n: Math.round(seconds / 60) });
}

/** An element with attributes, listeners (`onclick`) and children. */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}
