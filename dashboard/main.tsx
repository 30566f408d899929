/** The dashboard's entry. */
import { render } from "preact";
import { App } from "./app.tsx";
import { askSession } from "./lib/session.ts";
import { applyTheme } from "./lib/theme.ts";
import "./styles/main.css";

applyTheme();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void askSession();
