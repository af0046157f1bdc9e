"use strict";
// Whatever comes from the network or the server is put into the page as text, never as HTML.
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7f7f7f"];
const SHOWN = 10; // classes at first
let schema, asking, seen = null; // seen: the picture as the network is given it

function make(name, attributes = {}, ...children) {
  const drawn = ["svg", "path", "line", "rect", "text", "g"].includes(name);
  const made = drawn ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (key in made && !drawn && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
const number = (value) =>
  typeof value !== "number" || Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));

// Names of columns may break behind their underscores.
const breaking = (name) => name.split(/(?<=[_/])/).flatMap((part, place) => (place ? [make("wbr"), part] : [part]));

// Asking ---------------------------------------------------------------------------------------------------------

async function ask(body, type, shown) {
  asking?.abort();
  const mine = (asking = new AbortController());
  $("answer").setAttribute("aria-busy", "true");
  tellCommand(body, type, shown);
  const begun = performance.now();
  try {
    const answer = await fetch("/predict", { method: "POST", headers: { "Content-Type": type }, body, signal: mine.signal });
    const content = await answer.json();
    $("time").textContent = `${(performance.now() - begun).toFixed(0)} ms`;
    if (!answer.ok) throw new Error(content.error);
    tellJson(content);
    show(content.predictions[0]);
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(error instanceof TypeError ? "The server does not answer. Is it still running?" : error.message);
  } finally {
    if (asking === mine) $("answer").setAttribute("aria-busy", "false");
    health();
  }
}

const askJson = (example) => {
  const body = JSON.stringify({ [schema.key]: [example] });
  return ask(body, "application/json", body);
};

function fail(sentence) {
  $("answer").replaceChildren(make("p", { className: "bad" }, sentence));
}

function tellCommand(body, type, shown) {
  const quoted = shown ? `'${shown.replaceAll("'", "'\\''")}'` : "";
  const data = shown && shown.length < 4000 ? `-d ${quoted}` : `--data-binary @${body instanceof File ? "FILE" : "request.json"}`;
  $("command").textContent = `curl -s ${location.origin}/predict -H 'Content-Type: ${type}' \\\n  ${data}`;
}

function tellJson(content) {
  const text = JSON.stringify(content, null, 2);
  $("json").textContent = text.length > 20000 ? `${text.slice(0, 20000)}\n…` : text;
  $("json").hidden = false;
}

// Answers --------------------------------------------------------------------------------------------------------

function show(row) {
  const given = (prefix) =>
    Object.entries(row).filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]);
  const parts = [];
  if (schema.task === "forecasting") parts.push(...forecast(row));
  else if (Array.isArray(row.tokens)) parts.push(tags(row));
  else if (Array.isArray(row.prediction) && typeof row.boxes === "number") parts.push(...boxes(row.prediction));
  else if (Array.isArray(row.prediction?.[0])) parts.push(mask(row.prediction), bars(...coloured(given("share_"))));
  else if (given("probability_").length) {
    const shares = given("probability_");
    const told = schema.task === "multilabel" ? row.prediction.split(";").filter(Boolean) : [row.prediction];
    parts.push(make("p", { className: "big" }, told.join(", ") || "none of them"), ...classes(shares, told));
  } else if (typeof row.prediction === "string") {
    parts.push(make("p", { className: "text" }, row.prediction || "(an empty text)"));
    if (typeof row.probability === "number") parts.push(make("p", { className: "quiet" }, `probability ${percent(row.probability)}`));
  } else {
    const entries = Object.entries(row);
    if (entries.length === 1) parts.push(make("p", { className: "big" }, number(entries[0][1])));
    else parts.push(table(["", "value"], entries.map(([key, value]) => [key, Array.isArray(value) ? JSON.stringify(value) : number(value)])));
  }
  $("answer").replaceChildren(...parts);
}

function bars(shares, told, colours = null) {
  return make("ul", { className: "bars" }, ...shares.map(([name, share], place) => {
    const fill = make("i");
    fill.style.width = `${100 * share}%`;
    if (colours) fill.style.background = colours[place];
    const entry = make("li", {}, make("span", {}, name), make("span", { className: "share" }, percent(share)), make("span", { className: "track", ariaHidden: "true" }, fill));
    entry.classList.toggle("first", told.includes(name));
    return entry;
  }));
}

function classes(shares, told) {
  const sorted = [...shares].sort((one, other) => other[1] - one[1]);
  const list = bars(sorted.slice(0, SHOWN), told);
  if (sorted.length <= SHOWN) return [list];
  const more = make("button", { type: "button", className: "plain" }, `All ${sorted.length} classes`);
  more.addEventListener("click", () => {
    list.replaceWith(bars(sorted, told));
    more.remove();
  });
  return [list, more];
}

// The shares of a mask, largest first, in its colours; classes that it has not are left out.
function coloured(shares) {
  const there = shares.map(([name, share], place) => [name, share, colour(place)]).filter(([, share]) => share);
  there.sort((one, other) => other[1] - one[1]);
  return [there, [], there.map(([, , drawn]) => drawn)];
}
const colour = (place) => COLOURS[place] ?? `hsl(${(place * 137.5) % 360} 60% 50%)`;

function table(head, rows) {
  const line = (cells, kind) => make("tr", {}, ...cells.map((cell) => make(kind, {}, cell)));
  return make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, make("thead", {}, line(head, "th")), make("tbody", {}, ...rows.map((row) => line(row, "td")))));
}

function forecast(row) {
  const lines = new Map();
  for (const [key, value] of Object.entries(row)) {
    const [, name, step] = key.match(/^(.*)_(\d+)$/) ?? [null, key, 1];
    if (!lines.has(name)) lines.set(name, []);
    lines.get(name)[step - 1] = value;
  }
  const names = [...lines.keys()];
  const steps = Math.max(...[...lines.values()].map((line) => line.length));
  const rows = Array.from({ length: steps }, (_, step) => [String(step + 1), ...names.map((name) => number(lines.get(name)[step] ?? ""))]);
  const known = schema.facts.columns.filter((name) => !(schema.facts.ahead ?? []).includes(name));
  const label = (name) => name.replace(/^prediction_?/, "") || (known.length === 1 ? known[0] : "prediction");
  const before = past();
  const drawn = names.slice(0, COLOURS.length).map((name, place) => {
    const column = schema.facts.columns.indexOf(label(name));
    const given = column < 0 ? [] : before.map((step) => step[column]);
    return { name: label(name), given, told: lines.get(name), from: before.length, colour: COLOURS[place] };
  });
  const legend = make("ul", { className: "legend" }, ...drawn.map((line) => {
    const mark = make("i");
    mark.style.background = line.colour;
    return make("li", {}, mark, line.name);
  }));
  return [chart(drawn), legend, table(["step", ...names.map(label)], rows)];
}

// The last steps that were given, but for those of which only what is known in advance is.
const past = () => (given.steps ?? []).filter((step) => Array.isArray(step) && step.some((value, place) => value !== null && !(schema.facts.ahead ?? []).includes(schema.facts.columns[place]))).slice(-Math.max(3 * schema.facts.horizon, 24));

function chart(lines) {
  const [width, height, left, bottom] = [560, 230, 52, 22];
  const values = lines.flatMap((line) => [...line.given, ...line.told]).filter((value) => typeof value === "number");
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - 1, high + 1];
  const last = Math.max(2, ...lines.map((line) => line.from + line.told.length)) - 1;
  const x = (step) => left + (step / last) * (width - left - 8);
  const y = (value) => 10 + ((high - value) / (high - low)) * (height - bottom - 16);
  const drawn = make("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": "the steps that are told, behind those that were given" });
  for (const value of [low, (low + high) / 2, high]) {
    drawn.append(make("line", { x1: left, x2: width - 8, y1: y(value), y2: y(value), class: "axis" }));
    drawn.append(make("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, String(Number(value.toPrecision(3)))));
  }
  for (const line of lines) {
    const path = (points, from, dash) => {
      const made = make("path", { d: `M${points.map((value, step) => `${x(from + step)} ${y(value)}`).join("L")}`, "stroke-linecap": "round", "stroke-dasharray": dash });
      made.style.stroke = line.colour;
      if (points.length) drawn.append(made);
    };
    path(line.given, 0, "none");
    path([...line.given.slice(-1), ...line.told], line.from - (line.given.length ? 1 : 0), "1 6");
  }
  const now = lines[0].from - 1;
  if (now >= 0) {
    drawn.append(make("line", { x1: x(now), x2: x(now), y1: 6, y2: height - bottom, class: "axis" }));
    drawn.append(make("text", { x: left, y: height - 4 }, "given"), make("text", { x: width - 8, y: height - 4, "text-anchor": "end" }, "told (dotted)"));
  }
  return drawn;
}

function tags(row) {
  return make("p", { className: "tagged" }, ...row.tokens.map((token, place) => make("ruby", {}, token, make("rt", {}, row.prediction[place] ?? ""))));
}

function boxes(found) {
  const { width, height } = schema.facts;
  const parts = [make("p", { className: "big" }, found.length === 1 ? "1 box" : `${found.length} boxes`)];
  if (seen) {
    const over = make("svg", { viewBox: `0 0 ${width} ${height}`, class: "box", "aria-hidden": "true" });
    for (const box of found) {
      const place = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
      over.append(make("rect", { ...place, class: "under" }), make("rect", place));
      over.append(make("text", { x: box.left + width / 100, y: box.top + height / 14, "font-size": height / 14 }, box.class));
    }
    const copy = make("canvas", { width, height });
    copy.getContext("2d").drawImage(seen, 0, 0);
    parts.push(make("div", { className: "pictures" }, make("figure", {}, make("div", { className: "stage" }, copy, over))));
  }
  const rows = found.map((box) => [box.class, percent(box.score), [box.left, box.top, box.right, box.bottom].map((side) => side.toFixed(1)).join(", ")]);
  return rows.length ? [...parts, table(["class", "score", "left, top, right, bottom"], rows)] : parts;
}

function mask(rows) {
  const drawn = make("canvas", { width: rows[0].length, height: rows.length, className: "small" });
  const context = drawn.getContext("2d");
  rows.forEach((row, y) => row.forEach((value, x) => {
    context.fillStyle = colour(value);
    context.fillRect(x, y, 1, 1);
  }));
  return make("div", { className: "pictures" }, make("figure", {}, drawn));
}

// Forms ----------------------------------------------------------------------------------------------------------

const given = {};
const submit = (text = "Predict") => make("button", { type: "submit" }, text);

function tableForm(form) {
  const { columns } = schema.facts;
  const properties = schema.input.properties.rows.items.properties;
  const fields = columns.map(({ name, kind }, place) => {
    const field = make("input", { type: "text", name: String(place), id: `field-${place}`, inputMode: kind === "number" ? "decimal" : "text" });
    const known = properties[name].examples ?? [];
    const label = make("label", {}, make("span", {}, ...breaking(name)), field);
    if (kind === "date") field.placeholder = "2026-05-31";
    if (known.length) {
      field.setAttribute("list", `words-${place}`);
      label.append(make("datalist", { id: `words-${place}` }, ...known.map((word) => make("option", { value: word }))));
    }
    return [name, field, label];
  });
  const fill = (row) => fields.forEach(([name, field]) => (field.value = row[name] ?? ""));
  const pasted = make("textarea", { id: "paste", className: "numbers", rows: 2, placeholder: columns.map(({ name }) => name).join(", ").slice(0, 200) });
  pasted.addEventListener("input", () => {
    if (!pasted.value.trim()) return;
    try {
      fill(rowIn(pasted.value, columns.map(({ name }) => name)));
      form.requestSubmit();
    } catch (error) {
      fail(error.message);
    }
  });
  const example = make("button", { type: "button", className: "plain" }, "A usual row");
  example.addEventListener("click", () => fill(schema.example));
  fill(schema.example);
  form.append(
    make("label", {}, make("span", {}, "Paste a row: from a table, CSV with or without names, or JSON"), pasted),
    make("div", { className: `fields ${fields.length > 24 ? "many" : ""}` }, ...fields.map(([, , label]) => label)),
    make("div", { className: "row" }, submit(), example),
  );
  form.addEventListener("submit", () => askJson(Object.fromEntries(fields.map(([name, field]) => [name, field.value.trim() === "" ? null : field.value]))));
}

// The first row in a text: JSON, or values between tabs, semicolons or commas, behind their names or in their order.
function rowIn(text, names) {
  text = text.trim();
  if (/^[[{]/.test(text)) {
    let held;
    try {
      held = JSON.parse(text);
    } catch {
      throw new Error("What was pasted begins like JSON, but can't be read as such.");
    }
    held = held.rows?.[0] ?? (Array.isArray(held) ? held[0] : held);
    if (typeof held === "object" && !Array.isArray(held)) return held;
    throw new Error('Expected an object with the names of the columns: {"name": value}.');
  }
  const lines = text.split(/\r?\n/);
  const separator = ["\t", ";", ","].find((sign) => lines[0].includes(sign)) ?? ",";
  const first = cells(lines[0], separator);
  const headed = lines.length > 1 && names.every((name) => first.includes(name));
  const values = headed ? cells(lines[1], separator) : first;
  const order = headed ? first : names;
  if (values.length !== order.length) throw new Error(`${values.length} values were pasted; ${order.length} columns are expected: ${names.join(", ")}.`);
  return Object.fromEntries(order.map((name, place) => [name, values[place]]));
}

function cells(line, separator) {
  const found = [];
  let [value, quoted] = ["", false];
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '"' && quoted && line[at + 1] === '"') value += line[++at];
    else if (line[at] === '"') quoted = !quoted;
    else if (line[at] === separator && !quoted) {
      found.push(value.trim());
      value = "";
    } else value += line[at];
  }
  return [...found, value.trim()];
}

function textForm(form) {
  const area = make("textarea", { id: "text", className: "tall", placeholder: "Paste or type a text" });
  const { tokens, token } = schema.facts;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.append(make("label", {}, make("span", {}, tokens ? `A text; the first ${tokens} ${token} of it are read` : "A text"), area), make("div", { className: "row" }, submit(), make("span", { className: "quiet" }, "or Ctrl + Enter")));
  form.addEventListener("submit", () => askJson(area.value));
}

function fileForm(form, what, accept, choose) {
  const input = make("input", { type: "file", id: "file", accept });
  const label = make("label", { className: "drop" }, make("span", {}, make("strong", {}, `Choose ${what}`)), make("span", {}, "drop it here, or paste it"), input);
  const take = (file) => {
    if (file) choose(file);
  };
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = "";
  });
  for (const kind of ["dragover", "drop", "dragleave"])
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      label.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  form.append(label);
  return label;
}

function imageForm(form) {
  const { width, height, channels, cover } = schema.facts;
  const place = make("div", { className: "pictures" });
  fileForm(form, "an image", "image/*", async (file) => {
    seen = null;
    const source = URL.createObjectURL(file);
    const picture = make("img", { alt: file.name, src: source });
    place.replaceChildren(make("figure", {}, picture, make("figcaption", {}, file.name || "pasted")));
    try {
      await picture.decode();
      seen = asSeen(picture, width, height, channels, cover);
      seen.classList.toggle("small", width < 160);
      place.append(make("figure", {}, seen, make("figcaption", {}, `about what the network is given: ${width} × ${height}`)));
    } catch {
      place.replaceChildren(make("p", { className: "quiet" }, "This browser has no preview of it."));
    }
    URL.revokeObjectURL(source);
    ask(file, mediaOf(file), "");
  });
  form.append(place);
}

const mediaOf = (file) => {
  if (schema.media.includes(file.type)) return file.type;
  return /\.tiff?$/i.test(file.name) ? "image/tiff" : schema.media[0]; // the server looks into it
};

// An image as it is given to the network: resized to cover the sides, then the centre cut out.
function asSeen(picture, width, height, channels, cover) {
  const [w, h] = [picture.naturalWidth, picture.naturalHeight];
  const scale = Math.max((cover ?? width) / w, (cover ?? height) / h);
  const drawn = make("canvas", { width, height });
  const context = drawn.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  if (channels === 1) context.filter = "grayscale(1)";
  context.drawImage(picture, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
  return drawn;
}

function soundForm(form) {
  const player = make("audio", { controls: true, hidden: true });
  const told = make("p", { className: "quiet" }, `The first ${number(schema.facts.seconds)} s are read.`);
  fileForm(form, "a WAV file", ".wav,audio/wav", (file) => {
    player.src = URL.createObjectURL(file);
    player.hidden = false;
    ask(file, "audio/wav", "");
  });
  form.append(player, told);
}

function seriesForm(form) {
  const { columns, steps, ahead = [] } = schema.facts;
  const area = make("textarea", { id: "series", className: "tall numbers", placeholder: `${columns.join(", ")}\none line per step` });
  const length = steps ? `at least ${steps} steps` : "any number of steps";
  const behind = ahead.length ? `; behind the last, a line for each step to be told, with ${ahead.join(", ")} alone` : "";
  const example = make("button", { type: "button", className: "plain" }, "An example");
  const written = (held) => (Array.isArray(held) ? held.map((step) => step.map((value) => value ?? "").join(", ")).join("\n") : JSON.stringify(held, null, 1));
  example.addEventListener("click", () => (area.value = written(schema.example)));
  form.append(make("label", {}, make("span", {}, `Paste a series: ${columns.slice(0, 12).join(", ")}${columns.length > 12 ? ", …" : ""}; ${length}${behind}`), area), make("div", { className: "row" }, submit(), example));
  form.addEventListener("submit", () => {
    try {
      const series = seriesIn(area.value, columns.length);
      given.steps = Array.isArray(series) ? series : series.values;
      askJson(series);
    } catch (error) {
      fail(error.message);
    }
  });
}

function seriesIn(text, width) {
  text = text.trim();
  if (/^[[{]/.test(text)) return JSON.parse(text);
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const separator = ["\t", ";", ","].find((sign) => (lines[0] ?? "").includes(sign)) ?? ",";
  const rows = lines.map((line) => cells(line, separator));
  if (rows.length && rows[0].some((cell) => cell && Number.isNaN(Number(cell)))) rows.shift();
  return rows.map((row, place) => {
    if (row.length !== width) throw new Error(`Line ${place + 1} has ${row.length} values; expected ${width}.`);
    return row.map((cell) => {
      if (cell === "") return null;
      if (Number.isNaN(Number(cell))) throw new Error(`Line ${place + 1}: ${cell} is no number.`);
      return Number(cell);
    });
  });
}

// The page -------------------------------------------------------------------------------------------------------

const WORDS = { rows: "rows of a table", texts: "texts", images: "images", sounds: "sounds", series: "series" };
const FORMS = { rows: tableForm, texts: textForm, images: imageForm, sounds: soundForm, series: seriesForm };

async function health() {
  try {
    const told = await (await fetch("/health")).json();
    const { answered } = told.requests;
    $("state").textContent = told.ready ? `ready, ${answered.toLocaleString("en")} requests answered` : "stopping";
    $("state").classList.toggle("down", !told.ready);
  } catch {
    $("state").textContent = "not running";
    $("state").classList.add("down");
  }
}

async function begin() {
  schema = await (await fetch("/schema")).json();
  document.title = `${schema.network} – runner`;
  $("name").textContent = schema.network;
  const few = schema.classes.length && schema.classes.length <= 12 ? `: ${schema.classes.join(", ")}` : "";
  const count = schema.classes.length ? `, ${schema.classes.length} classes${few}` : "";
  $("about").textContent = `${schema.task} of ${WORDS[schema.key]}${count}`;
  $("form").addEventListener("submit", (event) => event.preventDefault());
  FORMS[schema.key]($("form"));
  tellCommand("", "application/json", schema.key === "images" || schema.key === "sounds" ? "" : JSON.stringify({ [schema.key]: [schema.example] }));
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("command").textContent);
    $("copy").textContent = "Copied";
  });
  await health();
  document.body.dataset.ready = "true";
}

begin().catch(() => fail("The server does not answer. Is it still running?"));
