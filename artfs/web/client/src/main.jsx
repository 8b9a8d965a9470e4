import "./style.css";
import { render } from "preact";
import { watchStore } from "./api.js";
import { App } from "./app.jsx";
import { takeToken } from "./token.js";

takeToken().then(() => {
  watchStore();
  render(<App />, document.getElementById("app"));
});
