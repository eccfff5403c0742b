// Texts out of nothing, or from how they begin: the beginning, then what was written.
"use strict";

import { draw as drawText } from "./answer-texts.js";

export function draw(answer, tools) {
  const nodes = drawText(answer, tools);
  const { prompt } = tools.asked;
  if (prompt) {
    const begun = tools.element("span", { class: "begun" });
    begun.textContent = prompt;
    nodes[0].querySelector(".written").prepend(begun);
  }
  return nodes;
}
