// The entry: follow the address and the settings, draw the shell.

import { render } from "preact";
import { listen } from "./core/router.ts";
import { follow } from "./core/settings.ts";
import { App } from "./shell/app.tsx";
import { refresh } from "./shell/health.ts";
import { keys } from "./shell/keys.ts";

follow();
listen();
keys();
void refresh();
render(<App />, document.getElementById("app")!);
