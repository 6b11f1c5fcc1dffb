// Runs before the first paint: the remembered colours and language, so that nothing flashes.
(() => {
  const root = document.documentElement;
  let theme = "auto";
  let language = "";
  try {
    theme = localStorage.getItem("lpr.theme") ?? "auto";
    language = localStorage.getItem("lpr.language") ?? "";
  } catch {
    // Storage is switched off: the system's colours and the browser's language.
  }
  root.dataset.theme = ["light", "dark"].includes(theme) ? theme : "auto";
  root.lang = ["en", "th"].includes(language) ? language : navigator.language.startsWith("th") ? "th" : "en";
})();
