// A real window of the app, driven through WebKitWebDriver: one driver, one session, one app.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { remote } from 'webdriverio'
import { binary, picture, until } from './programs.js'

/** Two free ports: the driver's, and the one it speaks to the webview by. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Opens the app with the data in `home`; `profile` tells instances side by side apart. */
export async function openWindow(home, profile) {
  mkdirSync(home, { recursive: true })
  const port = await freePort()
  const log = openSync(path.join(home, 'log'), 'a')
  const env = {
    ...process.env,
    TAURI_AUTOMATION: 'true',
    TAURI_WEBVIEW_AUTOMATION: 'true',
    HEARTH_DATA_DIR: path.join(home, 'hearth'),
    XDG_DATA_HOME: path.join(home, 'data'),
    XDG_CONFIG_HOME: path.join(home, 'config'),
    XDG_CACHE_HOME: path.join(home, 'cache'),
  }
  const driver = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], { stdio: ['ignore', log, log], env })
  await until('the driver', async () => (await fetch(`http://127.0.0.1:${port}/status`)).ok)
  const browser = await remote({
    hostname: '127.0.0.1',
    port,
    logLevel: 'error',
    connectionRetryCount: 0,
    connectionRetryTimeout: 90_000,
    capabilities: {
      'wdio:enforceWebDriverClassic': true,
      'webkitgtk:browserOptions': { binary: binary('hearth'), args: ['--profile', profile] },
    },
  })
  return new Window(browser, driver)
}

class Window {
  constructor(browser, driver) {
    this.browser = browser
    this.driver = driver
    this.app = Number(childrenOf(driver.pid).trim().split(/\s+/)[0])
  }

  /** Looks again and again; what the window shows in the end is kept if it was in vain. */
  async until(what, look) {
    try {
      return await until(what, look)
    } catch (error) {
      await this.screenshot(picture('in-vain.png')).catch(() => {})
      throw error
    }
  }

  /** The element with this test id, once it is shown. */
  async at(id, more = '') {
    const element = this.browser.$(`[data-testid="${id}"]${more}`)
    await this.until(`${id}${more} in the window`, () => element.isDisplayed())
    return element
  }

  async press(id, more = '') {
    const element = await this.at(id, more)
    await this.until(`${id}${more} to be pressed`, () => element.click().then(() => true))
  }

  async fill(id, text) {
    const element = await this.at(id)
    await element.setValue(text)
  }

  /** Sets a text of any characters (the driver itself drops emoji), and sends it with Enter. */
  async write(text) {
    await this.draft(text)
    await this.browser.keys('Enter')
  }

  /** Sets a text and leaves it there. */
  async draft(text) {
    const composer = await this.at('composer')
    await this.browser.execute(
      (element, value) => {
        element.focus()
        element.value = value
        element.dispatchEvent(new InputEvent('input', { bubbles: true }))
      },
      composer,
      text,
    )
  }

  /** The delivery states of all rows whose text holds `text`. */
  rows(text) {
    return this.browser.execute((wanted) => {
      const rows = [...document.querySelectorAll('[data-testid="row"]')]
      return rows.filter((row) => row.textContent.includes(wanted)).map((row) => row.dataset.delivery)
    }, text)
  }

  /** Waits until exactly one row holds `text`, in this state, where a person sees it: above the composer. */
  async wantRow(text, delivery = 'sent') {
    await this.until(`one row "${text}" that is ${delivery}`, async () => {
      const rows = await this.rows(text)
      return rows.length === 1 && rows[0] === delivery
    })
    await this.until(`"${text}" in sight`, () =>
      this.browser.execute((wanted) => {
        const rows = [...document.querySelectorAll('[data-testid="row"]')]
        const row = rows.find((one) => one.textContent.includes(wanted))?.getBoundingClientRect()
        const composer = document.querySelector('[data-testid="composer"]').getBoundingClientRect()
        return row !== undefined && row.top >= 0 && row.bottom <= composer.top + 1
      }, text),
    )
  }

  async wantState(state) {
    await this.at('host-state', `[data-state="${state}"]`)
  }

  screenshot(file) {
    return this.browser.saveScreenshot(file)
  }

  /** `kill -9` of the app itself; what is left of the driver goes too. */
  async kill() {
    process.kill(this.app, 'SIGKILL')
    await until('the end of the app', () => !alive(this.app))
    await this.endDriver()
  }

  async close() {
    if (alive(this.app)) await this.browser.deleteSession().catch(() => {})
    await this.endDriver()
    if (alive(this.app)) process.kill(this.app, 'SIGKILL')
  }

  async endDriver() {
    if (this.driver.exitCode !== null || this.driver.signalCode !== null) return
    const over = once(this.driver, 'exit')
    this.driver.kill('SIGKILL')
    await over
  }
}

function childrenOf(pid) {
  return execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
}

/** A process that has ended and was not yet reaped counts as gone. */
function alive(pid) {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim().startsWith('Z')
  } catch {
    return false
  }
}
