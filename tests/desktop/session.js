// Runs a command in a session of its own: an X server, a private D-Bus, an unlocked gnome-keyring and, as root, a
// network of its own, so that no other host of this machine is found or answers at a port that has become free.
// Everything of it ends with the command.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import readline from 'node:readline'

const network = 'ip link set lo up && ip link add lan0 type veth peer name lan1 && ip addr add 10.78.0.1/24 dev lan0'
const up = 'ip link set lan0 up && ip link set lan1 up && ip route add default dev lan0'
const inItsNetwork = ['--net', '--', 'sh', '-c', `${network} && ${up} && exec "$@"`, 'session']

if (process.env.HEARTH_STORY_NETWORK === undefined) {
  const possible = spawnSync('unshare', [...inItsNetwork, 'true']).status === 0
  if (!possible) console.log('note: no network of its own here, other hosts on this network will be seen')
  const again = [process.execPath, ...process.argv.slice(1)]
  const [program, ...words] = possible ? ['unshare', ...inItsNetwork, ...again] : again
  const env = { ...process.env, HEARTH_STORY_NETWORK: possible ? 'own' : 'shared' }
  const [code] = await once(spawn(program, words, { stdio: 'inherit', env }), 'exit')
  process.exit(code ?? 1)
}

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
