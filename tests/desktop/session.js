// Runs a command in a session of its own: an X server, a private D-Bus, and an unlocked gnome-keyring.
// Everything of it ends with the command.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import readline from 'node:readline'

const home = mkdtempSync(path.join(tmpdir(), 'hearth-session-'))
const runtime = path.join(home, 'runtime')
mkdirSync(runtime, { mode: 0o700 })

// The server chooses a free display and writes its number to file descriptor 3.
const screen = ['-screen', '0', '1280x860x24', '-nolisten', 'tcp', '-displayfd', '3']
const xvfb = spawn('Xvfb', screen, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
const [display] = await once(readline.createInterface({ input: xvfb.stdio[3] }), 'line')

const environment = {
  ...process.env,
  DISPLAY: `:${display}`,
  WAYLAND_DISPLAY: '',
  HOME: home,
  XDG_RUNTIME_DIR: runtime,
  XDG_DATA_HOME: path.join(home, 'data'),
  XDG_CONFIG_HOME: path.join(home, 'config'),
  XDG_CACHE_HOME: path.join(home, 'cache'),
  LANG: 'C.UTF-8',
  NO_AT_BRIDGE: '1',
}
const unlock = 'printf %s a-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$@"'
const words = ['--', 'bash', '-c', unlock, 'session', ...process.argv.slice(2)]
const session = spawn('dbus-run-session', words, { stdio: 'inherit', env: environment })
const [code] = await once(session, 'exit')
xvfb.kill('SIGTERM')
rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
process.exit(code ?? 1)
