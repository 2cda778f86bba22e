// Where the window begins: the look first, then whatever is behind it, then the first view.

import "@fontsource-variable/inter";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/motion.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { chooseBackend } from "./lib/ipc/choose";
import { Hearth } from "./lib/session/hearth.svelte";
import { Preferences } from "./lib/session/preferences.svelte";

const preferences = new Preferences();
const hearth = new Hearth(await chooseBackend());
const target = document.getElementById("app");
if (!target) {
  throw new Error("the page has no #app");
}
mount(App, { target, props: { hearth, preferences } });
void hearth.begin();
