/** The reference's entry. */
import { render } from "preact";
import { applyTheme } from "../lib/theme.ts";
import { Reference } from "./page.tsx";
import "./reference.css";

applyTheme();
const root = document.getElementById("app");
if (root !== null) render(<Reference />, root);
