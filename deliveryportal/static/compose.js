/* Writing a message: the text becomes an editor, and what is typed is kept.

   Without this file the form works as it stands: plain text, a Save draft button. */

const letter = document.getElementById("letter");
const KEPT_AFTER = 3000; // milliseconds from the first unsaved letter
const AGAIN_AFTER = 10000; // milliseconds, where the portal does not answer
const TYPED = ["identity", "to", "cc", "bcc", "people", "subject", "body", "send_at"];
const UNSAVED = `unsaved of ${letter.dataset.owner}`; // for this tab alone

await edit(letter.elements.body);
keepByItself();
watchFiles();

/* Turn the text area into an editor; what it holds is HTML from then on. */
async function edit(textarea) {
  const [make, icons] = await Promise.all([
    import(letter.dataset.editor),
    document.fonts.load("1em 'Material Icons'").catch(() => []),
    filledInAgain().then(bringBackUnsaved),
  ]);
  const place = document.createElement("div");
  place.className = "prose-editor";
  textarea.before(place);
  textarea.hidden = true;
  const label = letter.querySelector(`label[for="${textarea.id}"]`);
  const editor = new make.Editor({
    element: place,
    autofocus: textarea.autofocus, // the first of what is wrong
    injectCSS: false, // the stylesheet has it: no style may come with a script
    content: written(textarea),
    editorProps: {
      attributes: {
        "role": "textbox",
        "aria-multiline": "true",
        "aria-label": label.textContent,
        ...(textarea.getAttribute("aria-describedby") && {
          "aria-describedby": textarea.getAttribute("aria-describedby"),
        }),
      },
    },
    extensions: [
      make.Document, make.Paragraph, make.Text, make.HardBreak, make.History,
      make.Bold, make.Italic, make.Underline, make.Strike,
      make.BulletList, make.ListItem, make.Blockquote,
      // Letters for numbers would not outlast the way to the recipient.
      make.OrderedList.configure({ enableListAttributes: false }),
      make.Link.configure({ enableTarget: false }),
      make.Menu,
    ],
    onCreate: () => nameTools(place, icons.length > 0),
    onUpdate() {
      textarea.value = editor.isEmpty ? "" : editor.getHTML();
      textarea.dispatchEvent(new Event("input", { bubbles: true }));
    },
  });
  label.addEventListener("click", () => editor.commands.focus());
  textarea.value = editor.isEmpty ? "" : editor.getHTML();
  letter.elements.format.value = "html";
  rememberDraft();
}

/* The package writes an icon as a word, "format_bold", that its font draws as a sign: it
   goes where only the stylesheet reads it. Without the font a tool shows its name. */
function nameTools(place, hasIcons) {
  for (const tool of place.querySelectorAll(".prose-menubar__button")) {
    const name = tool.title.charAt(0).toUpperCase() + tool.title.slice(1);
    tool.title = name;
    tool.setAttribute("aria-label", name);
    if (hasIcons) tool.dataset.icon = tool.textContent;
    tool.classList.toggle("material-icons", hasIcons);
    tool.textContent = hasIcons ? "" : name;
  }
}

/* Back and Reload fill in again what was typed, by the time the page has loaded. */
async function filledInAgain() {
  if (document.readyState === "complete") return;
  await new Promise((resolve) => window.addEventListener("load", resolve, { once: true }));
}

/* Reload asks for the page before the last words have left: they wait in the browser. */
function rememberUnsaved(refused) {
  const typed = [...new FormData(letter)].filter(([, value]) => typeof value === "string");
  const words = { ...Object.fromEntries(typed), refused, address: address() };
  sessionStorage.setItem(UNSAVED, JSON.stringify(words));
}

function address() {
  return location.pathname + location.search;
}

/* Bring them back into the form they were typed in, unless the server has newer ones; or
   into a new one at its address, if the server never took them: they stand nowhere else. */
function bringBackUnsaved() {
  const typed = JSON.parse(sessionStorage.getItem(UNSAVED));
  if (!typed) return;
  const here = [letter.elements.submission.value, history.state?.submission];
  const nowhere = typed.refused && Number(typed.version) === 0;
  const fits = here.includes(typed.submission) || (nowhere && typed.address === address());
  if (fits || !nowhere) sessionStorage.removeItem(UNSAVED);
  if (!fits || Number(letter.elements.version.value) > Number(typed.version)) return;
  history.replaceState({ edited: true, submission: typed.submission }, "");
  for (const name of ["submission", "version", "format", ...TYPED]) {
    const field = letter.elements[name];
    if (!field || field.value === typed[name]) continue;
    field.value = typed[name];
    field.closest("details")?.setAttribute("open", "");
    for (const type of ["input", "change"]) {
      field.dispatchEvent(new Event(type, { bubbles: true }));
    }
  }
  // As it was typed: the same words that have left meanwhile are no second draft.
  document.getElementById("saved").dispatchEvent(new Event("keep"));
}

/* What the editor starts with, as HTML. What was filled in again is newer than what came
   with the page, and is HTML already if the editor was here. */
function written(textarea) {
  const formatted = document.getElementById("formatted").innerHTML.trim();
  if (textarea.value !== textarea.defaultValue && history.state?.edited) return textarea.value;
  return formatted || paragraphs(textarea.value);
}

/* Once it is a draft, Back and Reload lead to that: with its files, and to be sent once. */
function rememberDraft() {
  const { draft } = document.getElementById("saved").dataset;
  const submission = letter.elements.submission.value;
  history.replaceState({ edited: true, submission }, "", draft);
}

function paragraphs(text) {
  const holder = document.createElement("div");
  for (const part of text.split(/\n{2,}/)) {
    const paragraph = holder.appendChild(document.createElement("p"));
    part.split("\n").forEach((line, number) => {
      if (number) paragraph.append(document.createElement("br"));
      paragraph.append(line);
    });
  }
  return holder.innerHTML;
}

/* Save a few seconds after the first letter typed, and when the page is left. */
function keepByItself() {
  let timer = null;
  let unsaved = false;
  let refused = false;
  const keep = () => {
    clearTimeout(timer);
    timer = null;
    document.getElementById("saved").dispatchEvent(new Event("keep"));
  };
  letter.addEventListener("input", (event) => {
    if (event.target.type === "file") return;
    timer ??= setTimeout(keep, KEPT_AFTER);
    unsaved = true;
  });
  const leave = () => {
    clearTimeout(timer);
    timer = null;
    unsaved = false;
    sessionStorage.removeItem(UNSAVED);
  };
  document.body.addEventListener("htmx:afterSettle", (event) => {
    rememberDraft();
    if (event.target.id !== "saved") return;
    refused = false;
    if (timer !== null) return;
    unsaved = false;
    sessionStorage.removeItem(UNSAVED);
  });
  document.body.addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if (target.id !== "saved" || detail.successful) return;
    unsaved = true;
    refused = true;
    const { status } = detail.xhr;
    const answers = status >= 400 && status < 500;
    if (!answers) timer ??= setTimeout(keep, AGAIN_AFTER);
    sayUnsaved(answers);
  });
  // The page that leaves now takes everything along: kept again, it would be two drafts.
  letter.addEventListener("submit", leave);
  document.getElementById("delete-draft")?.addEventListener("submit", leave);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden" || !unsaved) return;
    rememberUnsaved(refused);
    if (timer !== null) keep();
  });
}

/* Beside the fields of the draft, until one is saved again. */
function sayUnsaved(answers) {
  const words = document.createElement("strong");
  words.textContent = answers
    ? "Not saved: this form has grown old. Reload the page; what you typed comes along."
    : "Not saved: the portal does not answer. What you typed stands in this page alone, so " +
      "leave it open; it is tried again every few seconds.";
  const saved = document.getElementById("saved");
  saved.replaceChildren(...saved.querySelectorAll("input"), words);
}

/* Files go up as soon as they are chosen, unless they are too large together. */
function watchFiles() {
  letter.addEventListener("change", (event) => {
    if (event.target.name !== "upload" || !event.target.files.length) return;
    const size = [...event.target.files].reduce((sum, file) => sum + file.size, 0);
    const limit = Number(letter.dataset.limit);
    if (size > limit) {
      event.target.value = "";
      const words = document.createElement("li");
      words.textContent =
        `These files have ${megabytes(size)} together; a message carries at most ` +
        `${megabytes(limit)}. They were not added, everything else stands as it was.`;
      // Send asks once more then: the mail would leave without them.
      const refused = document.createElement("input");
      Object.assign(refused, { type: "hidden", name: "refused", value: "1" });
      words.append(refused);
      document.getElementById("id_upload_error").replaceChildren(words);
      return;
    }
    document.getElementById("saved").dispatchEvent(new Event("keep"));
  });
}

function megabytes(size) {
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}
