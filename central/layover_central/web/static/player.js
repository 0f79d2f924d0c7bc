// Plays retrieved files in a dialog, one after the other, as they were recorded.

/** Wires the dialog; the answer opens it: `play(files, index)` with transfers that have files. */
export function player(dialog) {
  const video = dialog.querySelector("video");
  const title = dialog.querySelector("h2");
  const note = dialog.querySelector(".player-note");
  const [back, on, file] = ["back", "on", "file"].map((name) => dialog.querySelector(`[data-do=${name}]`));
  let files = [];
  let at = 0;

  function show(index) {
    at = index;
    const current = files[at];
    title.textContent = `${current.site} · ${current.camera} · ${new Date(current.start).toLocaleString("en-GB")}`;
    note.textContent = files.length > 1 ? `File ${at + 1} of ${files.length}` : "";
    file.href = current.file_url;
    video.src = current.file_url;
    back.disabled = at === 0;
    on.disabled = at === files.length - 1;
    video.play().catch(() => {});
  }

  back.addEventListener("click", () => show(at - 1));
  on.addEventListener("click", () => show(at + 1));
  video.addEventListener("ended", () => at < files.length - 1 && show(at + 1));
  video.addEventListener("error", () => {
    if (video.hasAttribute("src")) note.textContent = "This browser cannot play this file. Open the file in a player.";
  });
  dialog.querySelector("[data-do=close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    video.removeAttribute("src");
    video.load();
  });

  return function play(list, index) {
    files = list;
    dialog.showModal();
    show(index);
  };
}
