// Small line drawings on a grid of 24; always beside words or with a label elsewhere.

import { s } from "./dom.js";

const PATHS = {
  live: "M5 12a7 7 0 0 1 7-7M5 12a7 7 0 0 0 7 7M19 12a7 7 0 0 0-7-7M19 12a7 7 0 0 1-7 7M12 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM16.2 16.2 21 21",
  cameras: "M3 7.5h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3ZM16 10.5l5-2.5v8l-5-2.5M3 5.5v13",
  alerts: "M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15ZM10 21h4",
  watchlists: "M4 6h2M4 12h2M4 18h2M9.5 6H20M9.5 12H20M9.5 18H15",
  figures: "M4 20V4M4 20h16.5M8 16.5v-5M12 16.5v-9M16 16.5v-3.5M20 16.5V9",
  audit: "M6 3.5h9l4 4v13H6ZM14.5 3.5v4.5H19M9 12.5h7M9 16h7",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19.5 7",
  plus: "M12 5v14M5 12h14",
  edit: "M4 20h4L19 9l-4-4L4 16ZM13 7l4 4",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  download: "M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14",
  upload: "M12 15.5V4.5M7.5 9 12 4.5 16.5 9M5 20h14",
  up: "M12 19V6M6.5 11 12 5.5 17.5 11",
  left: "M14.5 5.5 8 12l6.5 6.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  auto: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 3.5v17M14.5 4v16M17 5.2v13.6",
  sound: "M4 9.5h3.5L12 5.5v13L7.5 14.5H4ZM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11",
  mute: "M4 9.5h3.5L12 5.5v13L7.5 14.5H4ZM16 9.5l5 5M21 9.5l-5 5",
  help: "M9 9a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 1.7v.5M12 17.2v.1M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z",
  more: "M5 12h.1M12 12h.1M19 12h.1",
  warning: "M12 4 2.8 20h18.4ZM12 10v4.5M12 17.3v.1",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.5V12l3 2",
  out: "M14 4.5H5v15h9M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5",
  expand: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
};

export function icon(name) {
  const path = s("path", { d: PATHS[name] });
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}
