// Two real windows, each with its own profile, its keys in a real keyring: one hosts, the other finds it and joins;
// they talk, both are killed, and everything is there again.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { atTheEnd, folder, picture } from '../stage/programs.js'
import { search } from '../stage/search.js'
import { openWindow } from '../stage/window.js'

async function host(window, hostName, ownerName) {
  await window.fill('first-host-name', hostName)
  await window.fill('first-owner-name', ownerName)
  await window.press('start-hosting')
  await window.at('composer')
}

async function joinWhatIsFound(window, hostName, name) {
  await window.press('found-host', `[data-name="${hostName}"] button`)
  await window.press('confirm-words')
  await window.fill('join-name', name)
  await window.press('join-submit')
  await window.at('composer')
}

test('one hosts, the other finds it, both talk; killed and started again, everything is there', async (t) => {
  const home = folder(t)
  const hostName = `Studio ${randomBytes(3).toString('hex')}`
  const open = { alice: undefined, bob: undefined }
  const start = async (who) => {
    open[who] = await openWindow(path.join(home, who), who)
    return open[who]
  }
  atTheEnd(t, async () => {
    for (const window of Object.values(open)) await window?.close()
  })

  let alice = await start('alice')
  await host(alice, hostName, 'Alice Ravensworth')
  let bob = await start('bob')
  await joinWhatIsFound(bob, hostName, 'Bob Hollingberry')

  await alice.write('Good morning Bob 👋')
  await bob.wantRow('Good morning Bob 👋')
  await bob.write('Good morning Alice, 早安早安')
  await alice.wantRow('Good morning Alice, 早安早安')
  await alice.screenshot(picture('desktop-host.png'))
  await bob.screenshot(picture('desktop-guest.png'))

  await bob.draft('half a sentence that nobody sent')

  await Promise.all([alice.kill(), bob.kill()])
  const folders = ['alice', 'bob'].map((who) => path.join(home, who))
  const secrets = ['Good morning', '早安早安早安', 'Ravensworth', 'Hollingberry', 'half a sentence']
  const found = search(folders, secrets)
  assert.deepEqual(found.hits, [], 'nothing that was said or typed is readable on disk')
  assert.ok(found.files > 10 && found.bytes > 100_000, `${found.files} files, ${found.bytes} bytes`)

  bob = await start('bob')
  await bob.wantRow('Good morning Bob 👋')
  await bob.wantRow('Good morning Alice, 早安早安')
  await bob.write('Written while the host was away')
  await bob.wantRow('Written while the host was away', 'queued')
  await bob.screenshot(picture('desktop-waiting.png'))
  await bob.kill()

  bob = await start('bob')
  await bob.wantRow('Written while the host was away', 'queued')
  alice = await start('alice')
  await alice.wantRow('Good morning Alice, 早安早安')
  await bob.wantRow('Written while the host was away', 'sent')
  await alice.wantRow('Written while the host was away')
  await alice.write('And back again')
  await bob.wantRow('And back again')
  assert.deepEqual(await alice.rows('Good morning Bob 👋'), ['sent'])
})
