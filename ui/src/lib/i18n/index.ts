// Every word the window says goes through here.

export { m } from "./paraglide/messages.js";
