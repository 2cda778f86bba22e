// What every component may ask for without being handed it: the window's state and its look.

import { createContext } from "svelte";

import type { Drafts } from "../composer/drafts";
import type { Hearth } from "./hearth.svelte";
import type { Preferences } from "./preferences.svelte";

export interface AppContext {
  readonly hearth: Hearth;
  readonly preferences: Preferences;
  readonly drafts: Drafts;
}

export const [appContext, setAppContext] = createContext<AppContext>();
