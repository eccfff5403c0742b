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
    medical:
      "This is not a certified medical device. Its answers may be looked at beside a physician's judgement, never instead of it.",
    report: "Report: how good it is, and where it fails",
    openapi: "OpenAPI description",
    summary: "Tells {target} from {given}.",
    estimate: "Estimates {target} from {given}.",
    writes: "Writes {target} from {given}.",
    writesAlone: "Writes {target}.",
    settings: "Settings",
    write: "Write",
    usualSetting: "as usual",
    choose: "Chooses {target} by {given}.",
    and: "{first} and {last}",
    others: "{count} more",
    comma: ", ",
    headline: "95% interval {low}–{high}, measured on {rows} rows it had not seen",
    measured: "measured on {rows} rows it had not seen",
    model: "Model {model} · {task} · made with Sixfold",
    waiting: "The answer appears here.",
    working: "Working …",
    took: "{time} ms",
    sure: "{chance} sure",
    oneOf: "One of {names}, in {wanted} of cases",
    alone: "{names} alone is enough to be right in {wanted} of cases",
    furtherNames: "{count} more",
    askPerson: "Ask a person: a mistake here would cost more than a person does. Below is what the model leans to.",
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
    between: "Between {low} and {high} in {wanted} of cases",
    usual: "nine in ten known rows lie between {low} and {high}",
    seriesOne: "Paste the numbers in order, separated by spaces, commas or lines",
    seriesSeveral: "Paste a line for each step, with {count} numbers: {names}",
    channel: "channel {number}",
    seriesDrawn: "{steps} steps",
    seriesOther: "Line {line}: “{text}” is not a number.",
    seriesUneven: "Line {line} has {count} numbers, but there are {channels} channels.",
    file: "Read from a file",
    needPicture: "Choose a picture first.",
    needColumn: "Fill in {column} first.",
    needValue: "Fill in at least one field.",
    offline: "The service does not answer.",
    offlineMend: "Check that it still runs, then try again.",
    request: "Request {request}",
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
    medical: "本产品不是经认证的医疗器械。其答案只能供医生在自己的判断之外参考，不能代替医生的判断。",
    report: "评估报告：有多准，错在哪里",
    openapi: "OpenAPI 接口说明",
    summary: "根据 {given} 判断 {target}。",
    estimate: "根据 {given} 估计 {target}。",
    writes: "根据 {given} 写出 {target}。",
    writesAlone: "写出 {target}。",
    settings: "设置",
    write: "写",
    usualSetting: "默认",
    choose: "根据 {given} 选择 {target}。",
    and: "{first} 和 {last}",
    others: "另外 {count} 项",
    comma: "、",
    headline: "95% 区间 {low}–{high}，在 {rows} 行未参与训练的数据上测得",
    measured: "在 {rows} 行未参与训练的数据上测得",
    model: "模型 {model} · {task} · 由 Sixfold 制作",
    waiting: "结果会显示在这里。",
    working: "正在计算……",
    took: "{time} 毫秒",
    sure: "把握 {chance}",
    oneOf: "{wanted} 的情况是以下之一：{names}",
    alone: "{wanted} 的情况下，只说 {names} 就是对的",
    furtherNames: "另 {count} 个",
    askPerson: "请转人工：这里答错的代价比请人回答更高。下面是模型的倾向。",
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
    between: "{wanted} 的情况在 {low} 与 {high} 之间",
    usual: "已知的数据十个里有九个在 {low} 与 {high} 之间",
    seriesOne: "按先后顺序粘贴数字，用空格、逗号或换行隔开",
    seriesSeveral: "每一步粘贴一行，每行 {count} 个数字：{names}",
    channel: "通道 {number}",
    seriesDrawn: "{steps} 步",
    seriesOther: "第 {line} 行：“{text}”不是数字。",
    seriesUneven: "第 {line} 行有 {count} 个数字，而通道有 {channels} 个。",
    file: "从文件读取",
    needPicture: "请先选择一张图片。",
    needColumn: "请先填写 {column}。",
    needValue: "请至少填写一项。",
    offline: "服务没有应答。",
    offlineMend: "请确认它仍在运行，然后重试。",
    request: "请求编号 {request}",
  },
};
const PICTURES = "image/png,image/jpeg,image/webp,image/gif,image/bmp,image/tiff,.dcm,.nii,.nii.gz";
const MOST_BARS = 10;
const MOST_NAMED = 6;
const MOST_IN_A_LIST = 50; // beyond these a list to type into is quicker than a menu
const TALL = 4; // fields; a longer form scrolls past the answer, which then stays in sight
const MOST_CHANNELS = 6; // lines of a chart; more would be a knot
const TINY = 96; // a picture of so few pixels is shown large, with its pixels
const UPLOAD_ICON =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" ' +
  'stroke-linejoin="round" aria-hidden="true"><rect x="3" y="4" width="18" height="16" rx="3"/>' +
  '<circle cx="9" cy="10" r="1.8"/><path d="m4 18 5.2-4.6 3.3 2.8 3.6-3.6L21 17"/></svg>';

const at = (id) => document.getElementById(id);
const state = { about: null, sample: null, painter: null, pictures: new Map(), saves: new Map(), shown: null, language: "en" };

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

// A number in units of its own: three digits that say something at the scale of `size`, and whole ones in full.
function amount(value, size = Math.abs(value)) {
  return rounded(value, Math.max(0, size > 0 ? 2 - Math.floor(Math.log10(size)) : 0));
}

// A number that is known to within `reach`: two digits of that, and no more.
function known(value, reach) {
  return rounded(value, 1 - Math.floor(Math.log10(reach)));
}

function rounded(value, digits) {
  if (digits > 9 || Math.abs(value) >= 1e15) return Number(value.toPrecision(3)).toString();
  const decimals = Math.max(0, digits);
  const whole = digits < 0 ? Math.round(value / 10 ** -digits) * 10 ** -digits : value;
  const form = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return whole.toLocaleString(document.documentElement.lang, form);
}

function figure(value, { style, low, high }) {
  if (style === "share") return share(value);
  return style === "amount" ? amount(value, Math.max(Math.abs(low), Math.abs(high))) : value.toFixed(3);
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
  at("summary").innerHTML = say(summaryOf(state.about), {
    target: `<b>${escaped(target.name)}</b>`,
    given: listed(given.map((field) => field.name)),
  });
  at("headline").hidden = !headline;
  if (headline) {
    const value = element("b");
    const title = headline.title ? headline.title[state.language] : headline.name;
    value.textContent = `${title} ${figure(headline.value, headline)}`;
    const rest = element("span");
    const rows = headline.rows === undefined ? "–" : headline.rows.toLocaleString(document.documentElement.lang);
    const ends = { low: figure(headline.low, headline), high: figure(headline.high, headline) };
    // Without one mistake among the rows, resampling them shows no width: better none than one of nothing.
    rest.textContent = say(headline.low === headline.high ? "measured" : "headline", { ...ends, rows });
    at("headline").replaceChildren(value, rest);
  }
  at("medical").hidden = !state.about.medical;
  at("note").textContent = say("noteText");
  at("report").hidden = !report;
  at("foot").innerHTML = escaped(say("model", { model: "§", task: task[state.language] })).replace(
    "§",
    `<code>${escaped(model)}</code>`,
  );
  drawFieldWords();
  drawCurl();
}

function summaryOf({ verb, target, given }) {
  if (verb === "choose") return "choose";
  if (verb === "generate") return given.length ? "writes" : "writesAlone";
  return target.widget === "number" ? "estimate" : "summary";
}

function drawFields() {
  const fields = state.about.given.map((field, index) => {
    const id = `field-${index}`;
    if (field.widget === "image") return pictureField(field, id);
    return field.widget === "series" ? seriesField(field, id) : plainField(field, id);
  });
  const pictures = fields.filter((box) => box.classList.contains("picture"));
  if (pictures.length > 1) {
    const together = element("div", { class: "pictures" });
    pictures[0].before(together);
    fields.splice(fields.indexOf(pictures[0]), 0, together);
    together.append(...pictures);
  }
  at("fields").replaceChildren(...fields.filter((box) => !box.closest(".pictures") || box.matches(".pictures")));
  const all = settingsOf(state.about);
  at("fields").append(...all.filter((one) => one.isShown).map(settingField));
  const settings = all.filter((one) => !one.isShown).map(settingField);
  at("example").hidden = !state.about.given.length;
  if (state.about.verb === "generate") {
    at("ask").dataset.say = "write";
    at("ask").textContent = say("write");
  }
  if (settings.length) {
    const title = element("summary", { "data-word": "settings" });
    at("fields").append(element("details", { class: "settings" }, title, element("div", { class: "fields" }, ...settings)));
  }
  document.querySelector(".bench").classList.toggle("tall", state.about.given.length > TALL);
}

function pictureNames() {
  return state.about.given.filter((field) => field.widget === "image").map((field) => field.name);
}

// What may be asked for beside the row: the properties of the task's own JSON Schema, each with the type it has.
function settingsOf(about) {
  return Object.entries(about.settings?.properties ?? {}).map(([name, schema]) => {
    const one = schema.anyOf?.find((part) => part.type !== "null") ?? schema;
    return { name, schema, type: one.type, bounds: one, isShown: schema["x-widget"] === "text" };
  });
}

function settingField({ name, schema, type, bounds, isShown }) {
  const id = `setting-${name}`;
  const usual = schema.default ?? null;
  let input;
  if (type === "boolean") {
    input = element("input", { type: "checkbox" });
    input.checked = Boolean(usual);
  } else if (type === "integer" || type === "number") {
    input = element("input", { type: "number", step: type === "integer" ? "1" : "any", inputmode: "decimal" });
    if (bounds.minimum !== undefined) input.min = bounds.minimum;
    if (bounds.maximum !== undefined) input.max = bounds.maximum;
  } else if (isShown) input = element("textarea", { rows: "4", dir: "auto" });
  else input = element("input", { type: "text", autocomplete: "off" });
  if (isShown) input.placeholder = "";
  else if (usual === null || type === "array") input.dataset.wordPlaceholder = "usualSetting";
  else if (type !== "boolean") input.placeholder = String(usual);
  Object.assign(input, { id, name: id });
  input.dataset.setting = name;
  const label = element("label", { for: id });
  const about = element("small", { class: "told" });
  return element("div", { class: isShown ? "field wide" : "field" }, label, input, about);
}

// The settings that differ from the usual ones.
function settings() {
  const asked = {};
  for (const { name, schema, type, isShown } of settingsOf(state.about)) {
    const input = at(`setting-${name}`);
    if (isShown) {
      if (input.value !== "") asked[name] = input.value; // as it stands: a line end says something
      continue;
    }
    if (type === "boolean") {
      if (input.checked !== Boolean(schema.default)) asked[name] = input.checked;
      continue;
    }
    const text = input.value.trim();
    if (text === "") continue;
    if (type === "array") asked[name] = text.split(/\s*[|｜]\s*/);
    else asked[name] = type === "string" ? text : Number(text);
  }
  return asked;
}

// The body of a request: the row alone, or with what is asked for beside it.
function bodyOf(values) {
  const asked = settings();
  return Object.keys(asked).length ? { rows: [values], settings: asked } : values;
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
  if (field.widget === "date")
    return field.schema.format === "date-time"
      ? element("input", { type: "datetime-local", step: "1" })
      : element("input", { type: "date" });
  if (field.widget === "text") return element("textarea", { rows: state.about.given.length > 1 ? "4" : "8", dir: "auto" });
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

function seriesField(field, id) {
  const label = element("label", { for: id });
  label.textContent = field.name;
  const input = element("textarea", { rows: "4", id, name: field.name, spellcheck: "false", "data-series": "" });
  const chart = element("div", { class: "chart", "aria-hidden": "true" });
  const told = element("small", { class: "told" });
  const file = element("input", { type: "file", accept: ".csv,.tsv,.txt,.json,text/*", "data-word-label": "file" });
  const choose = element("span", { class: "file" }, element("span", { "data-word": "file", "aria-hidden": "true" }), file);
  const box = element("div", { class: "field wide series" }, label, input, element("div", { class: "below" }, told, choose), chart);
  const fill = async (source) => {
    if (!source) return;
    input.value = (await source.text()).trim();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  file.addEventListener("change", () => {
    fill(file.files[0]);
    file.value = "";
  });
  input.addEventListener("dragover", (event) => event.preventDefault());
  input.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    fill(event.dataTransfer.files[0]);
  });
  input.addEventListener("input", () => drawSeries(field, box));
  return box;
}

function channelsOf(field) {
  const names = Object.keys(field.schema.properties ?? {});
  return { names, count: names.length || (field.schema.items?.minItems ?? 1) };
}

function seriesHint(field) {
  const { names, count } = channelsOf(field);
  if (count === 1 && !names.length) return say("seriesOne");
  const told = names.length ? names : Array.from({ length: count }, (_, index) => say("channel", { number: index + 1 }));
  return say("seriesSeveral", { count, names: told.slice(0, 8).join(say("comma")) + (count > 8 ? " …" : "") });
}

// The numbers of a cell: what tables write where one is not known becomes null, as the service reads it.
function cellNumber(text, line) {
  if (["", "-", "?", "na", "nan", "null", "none"].includes(text.toLowerCase())) return null;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(say("seriesOther", { line, text: text.slice(0, 30) }));
  return value;
}

function cellsOf(line) {
  const mark = ["\t", ";", "；", ",", "，"].find((sign) => line.includes(sign));
  const cells = mark ? line.split(mark).map((cell) => cell.trim()) : line.split(/\s+/);
  if (mark && cells.at(-1) === "") cells.pop();
  return cells;
}

// A pasted series as the service takes it: [number, …], [[channel, …], …] or {channel: [number, …]}; null if empty.
function seriesFrom(text, field) {
  const body = text.trim();
  if (body === "") return null;
  if ("[{".includes(body[0])) {
    try {
      return JSON.parse(body);
    } catch (error) {
      throw new Error(say("seriesOther", { line: 1, text: `${body.slice(0, 24)} …` }));
    }
  }
  const { names, count } = channelsOf(field);
  const lines = body.split(/\r?\n/).map((line, index) => [line.trim(), index + 1]).filter(([line]) => line !== "");
  if (count === 1 && !names.length)
    return lines.flatMap(([line, number]) => cellsOf(line).map((cell) => cellNumber(cell, number)));
  const first = cellsOf(lines[0][0]);
  const header = names.length && first.every((cell) => names.includes(cell)) ? first : null;
  const steps = lines.slice(header ? 1 : 0).map(([line, number]) => {
    const cells = cellsOf(line);
    const channels = (header ?? { length: count }).length;
    if (cells.length !== channels) throw new Error(say("seriesUneven", { line: number, count: cells.length, channels }));
    return cells.map((cell) => cellNumber(cell, number));
  });
  if (!names.length) return steps;
  return Object.fromEntries((header ?? names).map((name, index) => [name, steps.map((step) => step[index])]));
}

function seriesText(value) {
  if (typeof value === "string") return value;
  const said = (number) => (number === null || number === undefined ? "-" : String(number));
  if (Array.isArray(value))
    return value.every(Array.isArray) ? value.map((step) => step.map(said).join(", ")).join("\n") : value.map(said).join(", ");
  const names = Object.keys(value);
  const steps = value[names[0]].map((_, index) => names.map((name) => said(value[name][index])).join(", "));
  return [names.join(", "), ...steps].join("\n");
}

function channelsIn(value) {
  if (!Array.isArray(value)) return Object.values(value);
  return value.every(Array.isArray) ? value[0].map((_, index) => value.map((step) => step[index])) : [value];
}

function drawSeries(field, box) {
  const [input, told, chart] = [box.querySelector("textarea"), box.querySelector(".told"), box.querySelector(".chart")];
  let value = null;
  let wrong = "";
  try {
    value = seriesFrom(input.value, field);
  } catch (error) {
    wrong = error.message;
  }
  const channels = value === null ? [] : channelsIn(value).filter((channel) => Array.isArray(channel));
  told.classList.toggle("wrong", wrong !== "");
  told.textContent = wrong || (channels.length ? say("seriesDrawn", { steps: channels[0].length }) : seriesHint(field));
  chart.innerHTML = channels.some((channel) => channel.filter(Number.isFinite).length > 1) ? chartOf(channels) : "";
}

function chartOf(channels) {
  const shown = channels.slice(0, MOST_CHANNELS);
  const known = shown.flat().filter(Number.isFinite);
  const low = known.reduce((one, other) => Math.min(one, other), Infinity);
  const spread = known.reduce((one, other) => Math.max(one, other), -Infinity) - low || 1;
  const lines = shown.map((channel, number) => {
    const step = Math.max(1, Math.floor(channel.length / 400));
    let path = "";
    let isDown = false;
    for (let index = 0; index < channel.length; index += step) {
      const value = channel[index];
      if (!Number.isFinite(value)) {
        isDown = false;
        continue;
      }
      const [x, y] = [(300 * index) / Math.max(1, channel.length - 1), 66 - (62 * (value - low)) / spread];
      path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      isDown = true;
    }
    return `<path class="line-${number}" d="${path}"/>`;
  });
  return `<svg viewBox="0 0 300 70" preserveAspectRatio="none">${lines.join("")}</svg>`;
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
  return element("div", { class: "field picture" }, label, drop, photo);
}

function drawFieldWords() {
  for (const part of document.querySelectorAll("[data-word]")) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll("[data-word-label]"))
    part.setAttribute("aria-label", say(part.dataset.wordLabel));
  for (const part of document.querySelectorAll("[data-word-placeholder]"))
    part.placeholder = say(part.dataset.wordPlaceholder);
  for (const { name, schema } of settingsOf(state.about)) {
    const box = at(`setting-${name}`).closest(".field");
    const said = state.language === "en" ? schema : { ...schema, ...schema[`x-${state.language}`] };
    box.querySelector("label").textContent = said.title ?? name;
    box.querySelector("small").textContent = said.description ?? "";
  }
  for (const drop of document.querySelectorAll("[data-picture]")) drawPicture(drop);
  for (const [index, field] of state.about.given.entries())
    if (field.widget === "series") drawSeries(field, at(`field-${index}`).closest(".field"));
}

function drawPicture(drop) {
  const picture = state.pictures.get(drop.dataset.picture);
  const inside = drop.firstElementChild;
  inside.className = picture ? "shown" : "empty";
  if (!picture) {
    inside.innerHTML = `${UPLOAD_ICON}<span><strong></strong><small></small></span>`;
    const touch = matchMedia("(pointer: coarse)").matches;
    const isBrief = touch || pictureNames().length > 1;
    inside.querySelector("strong").textContent = say(isBrief ? "tap" : "drop");
    inside.querySelector("small").textContent = isBrief ? "" : say("dropNote");
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
    if (text !== "") values[field.name] = valueOf(field, text);
  }
  return values;
}

function valueOf(field, text) {
  if (field.widget === "number") return Number(text);
  if (field.widget === "date" && [field.schema.type].flat().includes("number") && /^\d+$/.test(text)) return Number(text);
  if (field.widget !== "series") return text;
  try {
    return seriesFrom(text, field);
  } catch (error) {
    throw Object.assign(error, { column: field.name });
  }
}

function fillExample() {
  for (const [index, field] of state.about.given.entries()) {
    const value = state.sample.row[field.name];
    if (field.widget === "image") {
      if (typeof value === "string") takePicture(field.name, pictureFrom(value, field.name), false);
    } else fill(at(`field-${index}`), field, value);
  }
  drawFieldWords();
  drawCurl();
  ask();
}

function fill(input, field, value) {
  const text = value === null || value === undefined ? "" : plain(field, value);
  input.value = text;
  if (field.widget !== "date" || input.value !== "" || text === "") return;
  // Dates may be written in ways that the browser's own picker does not take: then they are typed.
  input.type = "text";
  input.value = text;
}

function plain(field, value) {
  if (field.widget === "series") return seriesText(value);
  // A point of time stands in the browser's picker with a T between day and hour.
  if (field.widget === "date") return String(value).replace(/^(\d{4}-\d{2}-\d{2}) (?=\d{2}:)/, "$1T");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function pictureFrom(base64, name) {
  const body = base64.startsWith("data:") ? base64.slice(base64.indexOf(",") + 1) : base64;
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  const kinds = { iVBO: "png", "/9j/": "jpeg", R0lG: "gif", UklG: "webp", Qk: "bmp", SUkq: "tiff", TU0A: "tiff" };
  const kind = kinds[body.slice(0, 4)] ?? kinds[body.slice(0, 2)] ?? "png";
  return new File([bytes], `${name}.${kind === "jpeg" ? "jpg" : kind}`, { type: `image/${kind}` });
}

async function ask() {
  const { needed } = state.about;
  const pictures = pictureNames().filter((name) => state.pictures.has(name));
  clearFaults();
  let values;
  try {
    values = row();
  } catch (error) {
    return fault({ says: error.message, column: error.column });
  }
  if (needed !== null && !pictures.includes(needed) && !(needed in values))
    return fault({ says: pictureNames().length ? say("needPicture") : say("needColumn", { column: needed }), column: needed });
  const isBlank = !pictures.length && !Object.keys(values).length;
  if (isBlank && state.about.given.length) return fault({ says: say("needValue") });
  let body = JSON.stringify(bodyOf(values));
  const headers = { "Accept-Language": state.language };
  if (pictures.length) {
    body = new FormData();
    for (const [name, value] of Object.entries(values)) body.append(name, formText(value));
    for (const name of pictures) body.append(name, state.pictures.get(name).file, state.pictures.get(name).name);
  } else headers["Content-Type"] = "application/json";
  at("ask").setAttribute("aria-disabled", "true");
  at("answer").setAttribute("aria-busy", "true");
  state.asked = settings();
  try {
    if (state.about.streams) {
      await listen(body, headers);
      return undefined;
    }
    const response = await fetch("predict", { method: "POST", body, headers });
    const said = await response.json();
    if (said.error) fault(said.error);
    else {
      state.shown = { ...said, row: values };
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

// A text as it is written: server-sent events, each a piece; the last one is the whole answer.
async function listen(body, headers) {
  const target = state.about.target.name;
  const response = await fetch("predict", { method: "POST", body, headers: { ...headers, Accept: "text/event-stream" } });
  if (!response.ok) return fault((await response.json()).error);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const said = JSON.parse(event.slice(event.indexOf("data: ") + 6));
      if (event.startsWith("event: answer")) state.shown = { ...said, row: {} };
      else {
        text += said.text;
        state.shown = { answers: [{ [target]: text }], row: {} };
      }
    }
    drawAnswer();
  }
}

function formText(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
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
  const { milliseconds } = state.shown;
  if (milliseconds !== undefined)
    at("took").textContent = say("took", { time: milliseconds.toLocaleString(document.documentElement.lang) });
  if (state.painter) {
    at("answer").replaceChildren(...state.painter.draw(answer, painterTools()));
    return;
  }
  const what = element("span", { class: "what" });
  what.textContent = name;
  const value = element("strong", { class: "value" });
  const interval = name === "interval" ? undefined : answer.interval;
  const isNumber = typeof answer[name] === "number";
  value.textContent = isNumber ? sayNumber(answer[name], interval) : String(answer[name]);
  value.classList.toggle("long", value.textContent.length > 14);
  const said = element("div", { class: "said" }, what, value);
  if (typeof answer.confidence === "number") {
    const sure = element("p", { class: "sure" });
    sure.innerHTML = say("sure", { chance: `<b>${escaped(share(answer.confidence))}</b>` });
    said.append(sure);
  }
  const parts = [said];
  if (answer.ask === true) {
    const person = element("p", { class: "ask-person" });
    person.textContent = say("askPerson");
    parts.unshift(person);
  }
  if (isNumber && interval) parts.push(range(answer[name], interval));
  if (name !== "one_of" && answer.one_of) said.append(oneOf(answer.one_of));
  if (answer.probabilities) parts.push(bars(answer.probabilities, String(answer[name])));
  const drawn = [name, "confidence", "probabilities", "interval", "one_of", "ask"];
  const others = Object.entries(answer).filter(([key]) => !drawn.includes(key));
  if (others.length) parts.push(more(others));
  at("answer").replaceChildren(...parts);
  requestAnimationFrame(() => {
    for (const fill of at("answer").querySelectorAll(".fill")) fill.style.width = fill.dataset.width;
  });
}

// What a pattern's own script gets to draw an answer with: `draw(answer, tools)` gives the nodes to show.
function painterTools() {
  const { about, language, pictures, shown } = state;
  const urls = new Map([...pictures].map(([column, { url }]) => [column, url]));
  return { about, language, pictures: urls, row: shown.row, asked: state.asked ?? {}, element, share, amount, escaped, copied };
}

function sayNumber(value, interval) {
  const reach = interval ? (interval.high - interval.low) / 2 : 0;
  return reach > 0 ? known(value, reach) : amount(value);
}

// A number and its interval on a line; where it is known, beneath it what nine in ten known rows lie between.
function range(value, interval) {
  const usual = state.about.target.usual;
  const ends = [interval.low, interval.high, ...(usual ?? [])];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const place = (number) => 4 + (92 * (number - low)) / (high - low || 1);
  const span = (kind, from, to) => {
    const part = element("i", { class: kind });
    part.style.left = `${place(from)}%`;
    part.style.width = `${Math.max(0.6, place(to) - place(from))}%`;
    return part;
  };
  const dot = element("b");
  dot.style.left = `${place(value)}%`;
  const parts = [...(usual ? [span("usual", ...usual)] : []), span("band", interval.low, interval.high), dot];
  const line = element("div", { class: "line", "aria-hidden": "true" }, ...parts);
  const said = element("p");
  said.innerHTML = say("between", {
    low: `<b>${escaped(sayNumber(interval.low, interval))}</b>`,
    high: `<b>${escaped(sayNumber(interval.high, interval))}</b>`,
    wanted: escaped(share(state.about.target.coverage)),
  });
  const box = element("div", { class: "range" }, said, line);
  if (usual) {
    const note = element("p", { class: "usual" });
    note.textContent = say("usual", { low: sayNumber(usual[0], interval), high: sayNumber(usual[1], interval) });
    box.append(note);
  }
  return box;
}

// The classes of which one is right in a stated share of cases.
function oneOf(classes) {
  const shown = classes.slice(0, MOST_NAMED).map((name) => `<b>${escaped(name)}</b>`);
  const rest = classes.length - shown.length;
  if (rest > 0) shown.push(escaped(say("furtherNames", { count: rest })));
  const line = element("p", { class: "sure" });
  const names = shown.join(document.documentElement.lang.startsWith("zh") ? "、" : ", ");
  line.innerHTML = say(classes.length > 1 ? "oneOf" : "alone", { names, wanted: escaped(share(state.about.target.coverage)) });
  return line;
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
  const pictures = pictureNames();
  let values = {};
  try {
    values = row();
  } catch {
    // What is wrong with a field is said beside it; the call shows the example until then.
  }
  const isBlank = !Object.keys(values).length && !state.pictures.size;
  if (isBlank) values = { ...(state.sample?.row ?? {}) };
  const sent = pictures.filter((name) => (isBlank ? state.sample?.row[name] : state.pictures.has(name)));
  for (const name of pictures) delete values[name];
  if (pictures.length && (sent.length || !Object.keys(values).length)) {
    const files = (sent.length ? sent : pictures.slice(0, 1)).map(
      (name) => `-F ${quoted(`${name}=@${state.pictures.get(name)?.name ?? exampleName(name)}`)}`,
    );
    // Not -F: that would take a text that begins with @ or < for the name of a file.
    const others = Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `--form-string ${quoted(`${name}=${formText(value)}`)}`);
    at("curl").textContent = ["curl " + quoted(url), ...files, ...others].join(" \\\n  ");
    drawSaves(sent);
  } else {
    const lines = Object.entries(bodyOf(values)).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    const body = lines.length ? `{\n${lines.join(",\n")}\n}` : "{}";
    at("curl").textContent = `curl ${quoted(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
    drawSaves([]);
  }
}

function exampleName(column) {
  const value = state.sample?.row[column];
  return typeof value === "string" ? pictureFrom(value, column).name : `${column}.png`;
}

// Links to the example's pictures, which the line to copy names as files.
function drawSaves(columns) {
  const links = columns
    .filter((column) => typeof state.sample?.row[column] === "string" && state.pictures.get(column)?.isExample !== false)
    .map((column) => {
      const file = pictureFrom(state.sample.row[column], column);
      if (!state.saves.has(column)) state.saves.set(column, URL.createObjectURL(file));
      const link = element("a", { href: state.saves.get(column), download: file.name });
      link.textContent = say("save", { name: file.name });
      return link;
    });
  at("save").hidden = !links.length;
  at("save").replaceChildren(...links.flatMap((link, index) => (index ? [" · ", link] : [link])));
}

function copyCurl() {
  return copied(at("curl"), at("copy"));
}

// Copy what a node says, and tell so on the button that asked for it.
async function copied(node, button) {
  try {
    await navigator.clipboard.writeText(node.textContent);
  } catch {
    // Over plain HTTP from another machine there is no clipboard object; the old way still works.
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.textContent = at("told").textContent = say("copied");
  setTimeout(() => {
    button.textContent = say("copy");
    at("told").textContent = "";
  }, 1600);
}

// ---------------------------------------------------------------- begin

async function begin() {
  useLanguage(firstLanguage());
  const [about, sample] = await Promise.all(["about", "example"].map(async (path) => (await fetch(path)).json()));
  Object.assign(state, { about, sample });
  if (about.painter) state.painter = await import(`./${about.painter}`);
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
    const columns = pictureNames();
    const column = columns.find((name) => !state.pictures.has(name)) ?? columns[0];
    if (file && column) takePicture(column, file, true);
  });
  document.body.dataset.ready = "";
}

begin();
