// The watch page: which language is shown.
const root = document.documentElement;
const buttons = [...document.querySelectorAll("[data-code]")];

function speak(code) {
  root.dataset.lang = code;
  root.lang = code === "zh" ? "zh-CN" : "en";
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.code === code));
}

for (const button of buttons) button.addEventListener("click", () => speak(button.dataset.code));
speak((navigator.language || root.dataset.lang).startsWith("zh") ? "zh" : "en");
document.body.dataset.ready = "";
