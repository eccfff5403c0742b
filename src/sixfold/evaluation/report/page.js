"use strict";
const root = document.documentElement;
function say(code) {
  root.dataset.language = code;
  root.lang = code === "zh" ? "zh-Hans" : "en";
  document.querySelectorAll("[data-say]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.say === code));
  });
}
document.querySelectorAll("[data-say]").forEach((button) => {
  button.addEventListener("click", () => say(button.dataset.say));
});
const asked = location.hash === "#zh" || location.hash === "#en" ? location.hash.slice(1) : "";
say(asked || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
