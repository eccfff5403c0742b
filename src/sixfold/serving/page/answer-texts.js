// Answers that are texts: shown as they are, with their lines, to read and to copy.
"use strict";

const COPY = { en: "Copy", zh: "复制" };

export function draw(answer, { about, language, element, copied }) {
  const name = about.target.name;
  const text = element("p", { class: "written", dir: "auto" });
  text.textContent = answer[name];
  const what = element("span", { class: "what" });
  what.textContent = name;
  const copy = element("button", { type: "button", class: "quiet" });
  copy.textContent = COPY[language] ?? COPY.en;
  copy.addEventListener("click", () => copied(text, copy));
  return [element("div", { class: "said" }, what, text), element("div", { class: "below" }, copy)];
}
