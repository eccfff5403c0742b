// The demo page of one product: draws a form from /about, sends it to /predict, shows the answer. No framework.
"use strict";

const WORDS = {
  en: {
    skip: "Skip to the form",
    given: "What you give",
    answer: "Answer",
    example: "Try a real example",
    ask: "Get the answer",
    clear: "Clear",
    call: "Call it from your own program",
    callNote: "The same service, as a plain HTTP request. The values are those of the form above, or of a real row.",
    copy: "Copy",
    copied: "Copied",
    note: "What this is",
    noteText:
      "A model that runs on this service. What you enter is sent there and nowhere else, and is not stored. The model " +
      "has learned from examples and can be wrong: do not let it decide alone where a mistake would harm somebody.",
    report: "Report: how good it is, and where it fails",
    openapi: "OpenAPI description",
    summary: "Tells {target} from {given}.",
    and: "{first} and {last}",
    others: "{count} more",
    comma: ", ",
    headline: "95% interval {low}–{high}, measured on {rows} rows it had not seen",
    model: "Model {model} · {task} · made with Sixfold",
    waiting: "The answer appears here.",
    working: "Working …",
    took: "{time} ms",
    sure: "{chance} sure",
    rest: "{count} others",
    drop: "Drop a picture here, or choose one",
    tap: "Choose a picture",
    save: "Save the example picture as {name}",
    dropNote: "PNG, JPEG, WebP, GIF, BMP or TIFF; pasting works too",
    again: "Choose another picture",
    camera: "Take a photo",
    unknown: "Not known",
    chosen: "Picture chosen: {name}",
    noShow: "The browser cannot show this picture, but the service can read it.",
    needPicture: "Choose a picture first.",
    needValue: "Fill in at least one field.",
    offline: "The service does not answer.",
    offlineMend: "Check that it still runs, then try again.",
    request: "Request {request}",
    accuracy: "Accuracy",
    balanced_accuracy: "Balanced accuracy",
    macro_f1: "Macro F1",
    log_loss: "Log loss",
    auroc: "AUROC",
  },
  zh: {
    skip: "跳到表单",
    given: "你提供的内容",
    answer: "结果",
    example: "用真实样例试试",
    ask: "得出结果",
    clear: "清空",
    call: "在你自己的程序里调用",
    callNote: "同一个服务，一条普通的 HTTP 请求即可调用。其中的值来自上面的表单，或一行真实数据。",
    copy: "复制",
    copied: "已复制",
    note: "这是什么",
    noteText:
      "这是运行在本服务上的一个模型。你填写的内容只发给它，不会发往别处，也不会被保存。模型是从样例中学来的，也会出错：" +
      "如果错了会伤害到人，请不要让它单独做决定。",
    report: "评估报告：有多准，错在哪里",
    openapi: "OpenAPI 接口说明",
    summary: "根据 {given} 判断 {target}。",
    and: "{first} 和 {last}",
    others: "另外 {count} 项",
    comma: "、",
    headline: "95% 区间 {low}–{high}，在 {rows} 行未参与训练的数据上测得",
    model: "模型 {model} · {task} · 由 Sixfold 制作",
    waiting: "结果会显示在这里。",
    working: "正在计算……",
    took: "{time} 毫秒",
    sure: "把握 {chance}",
    rest: "其余 {count} 类",
    drop: "把图片拖到这里，或点击选择",
    tap: "选择图片",
    save: "把样例图片存为 {name}",
    dropNote: "支持 PNG、JPEG、WebP、GIF、BMP、TIFF，也可以直接粘贴",
    again: "换一张图片",
    camera: "拍照",
    unknown: "不清楚",
    chosen: "已选择图片：{name}",
    noShow: "浏览器无法显示这张图片，但服务可以读取。",
    needPicture: "请先选择一张图片。",
    needValue: "请至少填写一项。",
    offline: "服务没有应答。",
    offlineMend: "请确认它仍在运行，然后重试。",
    request: "请求编号 {request}",
    accuracy: "准确率",
    balanced_accuracy: "平衡准确率",
    macro_f1: "宏平均 F1",
    log_loss: "对数损失",
    auroc: "AUROC",
  },
};
const PICTURES = "image/png,image/jpeg,image/webp,image/gif,image/bmp,image/tiff";
const MOST_BARS = 10;
const MOST_IN_A_LIST = 50; // beyond these a list to type into is quicker than a menu
const TALL = 4; // fields; a longer form scrolls past the answer, which then stays in sight
const TINY = 96; // a picture of so few pixels is shown large, with its pixels
const UPLOAD_ICON =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" ' +
  'stroke-linejoin="round" aria-hidden="true"><rect x="3" y="4" width="18" height="16" rx="3"/>' +
  '<circle cx="9" cy="10" r="1.8"/><path d="m4 18 5.2-4.6 3.3 2.8 3.6-3.6L21 17"/></svg>';

const at = (id) => document.getElementById(id);
const state = { about: null, sample: null, pictures: new Map(), shown: null, language: "en" };

// ---------------------------------------------------------------- words

function say(key, values = {}) {
  const text = WORDS[state.language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

function firstLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem("sixfold-language");
  } catch {
    // Storage may be forbidden; then the browser's language serves each time.
  }
  if (kept in WORDS) return kept;
  return (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2)).find((tag) => tag in WORDS) ?? "en";
}

function useLanguage(code) {
  state.language = code;
  try {
    localStorage.setItem("sixfold-language", code);
  } catch {
    // As above.
  }
  document.documentElement.lang = code === "zh" ? "zh-CN" : "en";
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === code));
  for (const part of document.querySelectorAll("[data-say]")) part.textContent = say(part.dataset.say);
  if (state.about) drawAbout();
  drawAnswer();
}

function share(chance) {
  const form = new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 });
  if (chance > 0.999 && chance < 1) return ">" + form.format(0.999);
  if (chance < 0.001 && chance > 0) return "<" + form.format(0.001);
  return form.format(chance);
}

function listed(names) {
  const shown = names.length > 5 ? [...names.slice(0, 4), say("others", { count: names.length - 4 })] : names;
  const bold = shown.map((name, index) => (names.length > 5 && index === 4 ? escaped(name) : `<b>${escaped(name)}</b>`));
  if (bold.length < 2) return bold.join("");
  return say("and", { first: bold.slice(0, -1).join(say("comma")), last: bold.at(-1) });
}

function escaped(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML;
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// ---------------------------------------------------------------- the page

function drawAbout() {
  const { name, goal, model, given, target, headline, task, report } = state.about;
  document.title = goal ? `${name} · ${goal}` : name;
  at("name").textContent = name;
  at("goal").textContent = goal || name;
  at("summary").innerHTML = say("summary", {
    target: `<b>${escaped(target.name)}</b>`,
    given: listed(given.map((field) => field.name)),
  });
  at("headline").hidden = !headline;
  if (headline) {
    const number = (value) => (headline.name === "log_loss" ? value.toFixed(3) : share(value));
    const value = element("b");
    value.textContent = `${say(headline.name)} ${number(headline.value)}`;
    const rest = element("span");
    const rows = headline.rows === undefined ? "–" : headline.rows.toLocaleString(document.documentElement.lang);
    rest.textContent = say("headline", { low: number(headline.low), high: number(headline.high), rows });
    at("headline").replaceChildren(value, rest);
  }
  at("note").textContent = say("noteText");
  at("report").hidden = !report;
  at("foot").innerHTML = escaped(say("model", { model: "§", task: task[state.language] })).replace(
    "§",
    `<code>${escaped(model)}</code>`,
  );
  drawFieldWords();
  drawCurl();
}

function drawFields() {
  const fields = state.about.given.map((field, index) => {
    const id = `field-${index}`;
    return field.widget === "image" ? pictureField(field, id) : plainField(field, id);
  });
  at("fields").replaceChildren(...fields);
  document.querySelector(".bench").classList.toggle("tall", state.about.given.length > TALL);
}

function plainField(field, id) {
  const input = inputFor(field, id);
  input.id = id;
  input.name = field.name;
  const label = element("label", { for: id });
  label.textContent = field.name;
  const box = element("div", { class: field.widget === "text" ? "field wide" : "field" }, label, input);
  if (input.getAttribute("list")) box.append(choicesFor(field, input.getAttribute("list")));
  return box;
}

function inputFor(field, id) {
  if (field.widget === "number") return element("input", { type: "number", step: "any", inputmode: "decimal" });
  if (field.widget === "date") return element("input", { type: "date" });
  if (field.widget === "text") return element("textarea", { rows: "4" });
  if (!field.choices) return element("input", { type: "text", autocomplete: "off" });
  if (field.choices.length > MOST_IN_A_LIST)
    return element("input", { type: "text", autocomplete: "off", list: `${id}-choices` });
  const select = element("select", {}, element("option", { value: "", "data-word": "unknown" }));
  for (const choice of field.choices) {
    const option = element("option", { value: choice });
    option.textContent = choice;
    select.append(option);
  }
  return select;
}

function choicesFor(field, id) {
  return element("datalist", { id }, ...field.choices.map((choice) => element("option", { value: choice })));
}

function pictureField(field, id) {
  const label = element("label", { class: "label", for: id });
  label.textContent = field.name;
  const input = element("input", { type: "file", accept: PICTURES, id, "aria-describedby": `${id}-state` });
  const inside = element("div", { class: "empty", id: `${id}-state` });
  const drop = element("div", { class: "drop", "data-picture": field.name }, inside, input);
  const camera = element("input", { type: "file", accept: "image/*", capture: "environment", "data-word-label": "camera" });
  const photo = element("div", { class: "photo" }, element("span", { "data-word": "camera", "aria-hidden": "true" }), camera);
  for (const source of [input, camera])
    source.addEventListener("change", () => {
      if (source.files.length) takePicture(field.name, source.files[0], true);
      source.value = "";
    });
  for (const name of ["dragenter", "dragover"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const file = [...event.dataTransfer.files].find((entry) => entry.type.startsWith("image/")) ?? event.dataTransfer.files[0];
    if (file) takePicture(field.name, file, true);
  });
  return element("div", { class: "field wide" }, label, drop, photo);
}

function drawFieldWords() {
  for (const part of document.querySelectorAll("[data-word]")) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll("[data-word-label]"))
    part.setAttribute("aria-label", say(part.dataset.wordLabel));
  for (const drop of document.querySelectorAll("[data-picture]")) drawPicture(drop);
}

function drawPicture(drop) {
  const picture = state.pictures.get(drop.dataset.picture);
  const inside = drop.firstElementChild;
  inside.className = picture ? "shown" : "empty";
  if (!picture) {
    inside.innerHTML = `${UPLOAD_ICON}<span><strong></strong><small></small></span>`;
    const touch = matchMedia("(pointer: coarse)").matches;
    inside.querySelector("strong").textContent = say(touch ? "tap" : "drop");
    inside.querySelector("small").textContent = touch ? "" : say("dropNote");
    return;
  }
  const image = element("img", { alt: say("chosen", { name: picture.name }) });
  const again = element("small");
  again.textContent = say("again");
  image.addEventListener("load", () => {
    image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) <= TINY);
  });
  image.addEventListener("error", () => {
    const note = element("span");
    note.textContent = `${picture.name} – ${say("noShow")}`;
    image.replaceWith(note);
  });
  image.src = picture.url;
  inside.replaceChildren(image, again);
}

function takePicture(column, file, answersAtOnce) {
  const former = state.pictures.get(column);
  if (former) URL.revokeObjectURL(former.url);
  const name = file.name || `${column}.png`;
  state.pictures.set(column, { file, name, url: URL.createObjectURL(file), isExample: !answersAtOnce });
  for (const drop of document.querySelectorAll("[data-picture]"))
    if (drop.dataset.picture === column) {
      delete drop.dataset.wrong;
      drawPicture(drop);
    }
  drawCurl();
  if (answersAtOnce && state.about.given.length === 1) ask();
}

// ---------------------------------------------------------------- the row

function row() {
  const values = {};
  for (const [index, field] of state.about.given.entries()) {
    if (field.widget === "image") continue;
    const text = at(`field-${index}`).value.trim();
    if (text !== "") values[field.name] = field.widget === "number" ? Number(text) : text;
  }
  return values;
}

function fillExample() {
  for (const [index, field] of state.about.given.entries()) {
    const value = state.sample.row[field.name];
    if (field.widget === "image") {
      if (typeof value === "string") takePicture(field.name, pictureFrom(value, field.name), false);
    } else at(`field-${index}`).value = value === null || value === undefined ? "" : plain(field, value);
  }
  drawCurl();
  ask();
}

function plain(field, value) {
  // A choice is offered under its class name: whole numbers lose their ".0", as the service reads them.
  return field.choices && typeof value === "number" && Number.isInteger(value) ? String(value) : String(value);
}

function pictureFrom(base64, name) {
  const body = base64.startsWith("data:") ? base64.slice(base64.indexOf(",") + 1) : base64;
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  const kinds = { iVBO: "png", "/9j/": "jpeg", R0lG: "gif", UklG: "webp", Qk: "bmp", SUkq: "tiff", TU0A: "tiff" };
  const kind = kinds[body.slice(0, 4)] ?? kinds[body.slice(0, 2)] ?? "png";
  return new File([bytes], `${name}.${kind === "jpeg" ? "jpg" : kind}`, { type: `image/${kind}` });
}

async function ask() {
  const pictures = state.about.given.filter((field) => field.widget === "image").map((field) => field.name);
  const values = row();
  clearFaults();
  const lacking = pictures.find((name) => !state.pictures.has(name));
  if (lacking !== undefined) return fault({ says: say("needPicture"), column: lacking });
  if (!pictures.length && !Object.keys(values).length) return fault({ says: say("needValue") });
  let body = JSON.stringify(values);
  const headers = { "Accept-Language": state.language };
  if (pictures.length) {
    body = new FormData();
    for (const [name, value] of Object.entries(values)) body.append(name, value);
    for (const name of pictures) body.append(name, state.pictures.get(name).file, state.pictures.get(name).name);
  } else headers["Content-Type"] = "application/json";
  at("ask").setAttribute("aria-disabled", "true");
  at("answer").setAttribute("aria-busy", "true");
  try {
    const response = await fetch("predict", { method: "POST", body, headers });
    const said = await response.json();
    if (said.error) fault(said.error);
    else {
      state.shown = said;
      drawAnswer();
      if (matchMedia("(max-width: 800px)").matches)
        at("answer-title").scrollIntoView({ behavior: "smooth", block: "start" });
    }
  } catch {
    fault({ says: say("offline"), mend: say("offlineMend") });
  } finally {
    at("ask").removeAttribute("aria-disabled");
    at("answer").setAttribute("aria-busy", "false");
  }
  return undefined;
}

// ---------------------------------------------------------------- the answer

function drawAnswer() {
  at("took").textContent = "";
  if (!state.shown) {
    const words = element("p");
    words.textContent = say("waiting");
    const ghosts = element("div", { class: "ghosts", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
    at("answer").replaceChildren(element("div", { class: "waiting" }, ghosts, words));
    return;
  }
  const answer = state.shown.answers[0];
  const name = state.about.target.name;
  at("took").textContent = say("took", { time: state.shown.milliseconds.toLocaleString(document.documentElement.lang) });
  const what = element("span", { class: "what" });
  what.textContent = name;
  const value = element("strong", { class: "value" });
  value.textContent = String(answer[name]);
  value.classList.toggle("long", value.textContent.length > 14);
  const said = element("div", { class: "said" }, what, value);
  if (typeof answer.confidence === "number") {
    const sure = element("p", { class: "sure" });
    sure.innerHTML = say("sure", { chance: `<b>${escaped(share(answer.confidence))}</b>` });
    said.append(sure);
  }
  const parts = [said];
  if (answer.probabilities) parts.push(bars(answer.probabilities, String(answer[name])));
  const others = Object.entries(answer).filter(([key]) => ![name, "confidence", "probabilities"].includes(key));
  if (others.length) parts.push(more(others));
  at("answer").replaceChildren(...parts);
  requestAnimationFrame(() => {
    for (const fill of at("answer").querySelectorAll(".fill")) fill.style.width = fill.dataset.width;
  });
}

function bars(probabilities, winner) {
  const entries = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  const shown = entries.slice(0, entries.length > MOST_BARS + 1 ? MOST_BARS : entries.length);
  const list = element("ol", { class: shown.some(([name]) => name.length > 12) ? "bars long" : "bars" });
  for (const [name, chance] of shown) list.append(bar(name, chance, name === winner ? "first" : ""));
  const rest = entries.slice(shown.length);
  if (rest.length)
    list.append(bar(say("rest", { count: rest.length }), rest.reduce((sum, entry) => sum + entry[1], 0), "rest"));
  return list;
}

function bar(name, chance, kind) {
  const label = element("span");
  label.textContent = name;
  const fill = element("span", { class: "fill", "data-width": `${(chance * 100).toFixed(2)}%` });
  const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
  const amount = element("span", { class: "share" });
  amount.textContent = share(chance);
  return element("li", kind ? { class: kind } : {}, label, track, amount);
}

function more(entries) {
  const list = element("dl", { class: "more" });
  for (const [key, value] of entries) {
    const [term, text] = [element("dt"), element("dd")];
    term.textContent = key;
    text.textContent = typeof value === "object" ? JSON.stringify(value) : String(value);
    list.append(term, text);
  }
  return list;
}

function fault({ says, mend, column, request }) {
  at("took").textContent = "";
  const words = element("b");
  words.textContent = says;
  const box = element("div", { class: "fault-box" }, words);
  if (mend) {
    const text = element("span");
    text.textContent = mend;
    box.append(text);
  }
  if (request) {
    const code = element("code");
    code.textContent = say("request", { request });
    box.append(code);
  }
  at("answer").replaceChildren(box);
  const index = state.about.given.findIndex((field) => field.name === column);
  if (index < 0) return;
  const input = at(`field-${index}`);
  const drop = input.closest(".drop");
  if (drop) drop.dataset.wrong = "";
  input.setAttribute("aria-invalid", "true");
  const note = element("p", { class: "fault" });
  note.textContent = says;
  input.closest(".field").append(note);
  input.focus();
}

function clearFaults() {
  for (const note of document.querySelectorAll(".field .fault")) note.remove();
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const drop of document.querySelectorAll(".drop[data-wrong]")) delete drop.dataset.wrong;
}

// ---------------------------------------------------------------- the call

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function drawCurl() {
  const url = new URL("predict", location.href).href;
  const pictures = state.about.given.filter((field) => field.widget === "image").map((field) => field.name);
  let values = row();
  if (!Object.keys(values).length) values = { ...(state.sample?.row ?? {}) };
  for (const name of pictures) delete values[name];
  if (pictures.length) {
    const files = pictures.map((name) => `-F ${quoted(`${name}=@${state.pictures.get(name)?.name ?? exampleName(name)}`)}`);
    const others = Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `-F ${quoted(`${name}=${value}`)}`);
    at("curl").textContent = ["curl " + quoted(url), ...files, ...others].join(" \\\n  ");
    drawSave(pictures[0]);
  } else {
    const body = JSON.stringify(values, null, 2);
    at("curl").textContent = `curl ${quoted(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
  }
}

function exampleName(column) {
  const value = state.sample?.row[column];
  return typeof value === "string" ? pictureFrom(value, column).name : `${column}.png`;
}

function drawSave(column) {
  const value = state.sample?.row[column];
  const chosen = state.pictures.get(column);
  at("save").hidden = (chosen && !chosen.isExample) || typeof value !== "string";
  if (at("save").hidden) return;
  const file = pictureFrom(value, column);
  if (!at("save").href) at("save").href = URL.createObjectURL(file);
  at("save").download = file.name;
  at("save").textContent = say("save", { name: file.name });
}

async function copyCurl() {
  const text = at("curl").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP from another machine there is no clipboard object; the old way still works.
    getSelection().selectAllChildren(at("curl"));
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  at("copy").textContent = at("told").textContent = say("copied");
  setTimeout(() => {
    at("copy").textContent = say("copy");
    at("told").textContent = "";
  }, 1600);
}

// ---------------------------------------------------------------- begin

async function begin() {
  useLanguage(firstLanguage());
  const [about, sample] = await Promise.all(["about", "example"].map(async (path) => (await fetch(path)).json()));
  Object.assign(state, { about, sample });
  drawFields();
  drawAbout();
  at("given").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  at("given").addEventListener("reset", () => {
    for (const { url } of state.pictures.values()) URL.revokeObjectURL(url);
    state.pictures.clear();
    state.shown = null;
    clearFaults();
    drawFieldWords();
    drawAnswer();
    setTimeout(drawCurl);
  });
  at("given").addEventListener("input", drawCurl);
  at("example").addEventListener("click", fillExample);
  at("copy").addEventListener("click", copyCurl);
  for (const button of document.querySelectorAll("[data-language]"))
    button.addEventListener("click", () => useLanguage(button.dataset.language));
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((entry) => entry.type.startsWith("image/"));
    const column = state.about.given.find((field) => field.widget === "image");
    if (file && column) takePicture(column.name, file, true);
  });
  document.body.dataset.ready = "";
}

begin();
