/** Starts the page. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { sendWaiting } from "./annotate/outbox";
import { followModel, greetOthers } from "./annotate/session";
import { connect, connections, state } from "./server/events";
import { isAbort, problemOf } from "./server/problem";
import { App } from "./shell/app";
import { listen } from "./shell/keys";
import { notify } from "./shell/notices";
import { followTheme } from "./shell/theme";
import "./style/base.css";
import "./style/shell.css";
import "./style/controls.css";
import "./style/annotate.css";
import "./style/data.css";
import "./style/train.css";
import "./style/narrow.css";

followTheme();
listen();
connect();
greetOthers();
followModel();
// Drafts that wait are sent after each connection, when the set they belong to is known.
effect(() => {
  if (connections.value > 0 && state.peek() !== null) void sendWaiting();
});
// What fails outside of a view, such as in a drawing, is told as everything else is.
addEventListener("error", (event) => {
  // An observer that waits for the next frame is no failure, though browsers tell it as one.
  if (!event.message.startsWith("ResizeObserver loop")) notify(problemOf(event.error ?? event.message));
});
addEventListener("unhandledrejection", (event) => {
  if (!isAbort(event.reason)) notify(problemOf(event.reason));
});
const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}
