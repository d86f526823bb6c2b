/** Starts the page, or says what this browser lacks. */

import { missingFeatures } from "./engine.js";

const missing = missingFeatures();
if (missing.length) {
  document.getElementById("problem").textContent = `This browser is too old for this page: it lacks ${missing.join(", ")}.`;
  document.getElementById("welcome").hidden = document.getElementById("progress").hidden = true;
} else {
  await import("./app.js");
}
