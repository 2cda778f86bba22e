// Real programs for the stories in a browser and in windows: hosts, command-line clients, and waiting with a bound.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const binaries = process.env.HEARTH_BINARIES ?? path.join(root, 'target/debug')
const PATIENCE_MS = 60_000

export const binary = (name) => path.join(binaries, name)

/** Where pictures of this run go; the ones in docs/ are made by setting HEARTH_SCREENSHOTS. */
export function picture(name) {
  const folder = process.env.HEARTH_SCREENSHOTS ?? path.join(root, 'target/stories')
  mkdirSync(folder, { recursive: true })
  return path.join(folder, name)
}

const endings = new WeakMap()

/** Does `work` when the test `t` is over: what was begun last ends first. */
export function atTheEnd(t, work) {
  if (!endings.has(t)) {
    endings.set(t, [])
    t.after(async () => {
      for (const one of endings.get(t).reverse()) await one()
    })
  }
  endings.get(t).push(work)
}

/** A folder that goes with the test `t`. */
export function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), 'hearth-story-'))
  atTheEnd(t, () => rmSync(made, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))
  return made
}

/** Looks again and again until `look` gives something truthy. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS
  let last
  for (;;) {
    try {
      const found = await look()
      if (found) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Starts hearth-server in `home` and waits until it listens; gives what it printed, and `kill`. */
export async function startHost(home, { name = 'Studio', listen = '127.0.0.1:0', announce = false } = {}) {
  mkdirSync(home, { recursive: true })
  const log = openSync(path.join(home, 'log'), 'a')
  const words = ['serve', '--data-dir', path.join(home, 'data'), '--listen', listen, '--name', name, '--json']
  if (!announce) words.push('--no-announce')
  const child = spawn(binary('hearth-server'), words, { stdio: ['ignore', 'pipe', log] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`hearth-server ended with ${code}`)
  })
  ended.catch(() => {})
  const listening = (async () => {
    for await (const line of readline.createInterface({ input: child.stdout })) {
      const said = line.startsWith('{') ? JSON.parse(line) : {}
      if (said.event === 'listening') return said
    }
    throw new Error('hearth-server said nothing of listening')
  })()
  const said = await Promise.race([listening, ended])
  const kill = async (signal = 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const over = once(child, 'exit')
    child.kill(signal)
    await over
  }
  return { ...said, kill }
}

/** A command-line client whose vault is in `home`. */
export function client(home) {
  mkdirSync(home, { recursive: true })
  const own = ['--data-dir', path.join(home, 'data'), '--key-file', path.join(home, 'key')]
  return {
    /** Runs to the end and wants it to be a good one; gives the output. */
    async say(...words) {
      const child = spawn(binary('hearth-cli'), [...own, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
      const bound = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      let out = ''
      let err = ''
      child.stdout.on('data', (data) => {
        out += data
      })
      child.stderr.on('data', (data) => {
        err += data
      })
      const [code] = await once(child, 'close')
      clearTimeout(bound)
      if (code !== 0) throw new Error(`hearth-cli ${words[0]} ended with ${code}: ${err}`)
      return out
    },
    /** Begins a command that goes on, for example `tail`; gives what ends it. */
    begin(...words) {
      const child = spawn(binary('hearth-cli'), [...own, ...words], { stdio: 'ignore' })
      return () => child.kill('SIGKILL')
    },
    /** Like `say`, reading one JSON value per line. */
    async ask(...words) {
      const lines = (await this.say(...words)).split('\n').filter((line) => line.trim() !== '')
      return lines.map((line) => JSON.parse(line))
    },
  }
}
