// Debian's Chromium against the real host: sign in by an invite, talk with the command line, reload, still there.
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium } from 'playwright-core'
import { atTheEnd, client, folder, picture, startHost, until } from '../stage/programs.js'

const at = (page, id) => page.getByTestId(id)
const rowsWith = (page, text) => at(page, 'row').filter({ hasText: text })

async function openBrowser(t, home) {
  const executablePath = process.env.HEARTH_CHROMIUM ?? '/usr/bin/chromium'
  // As root, as in most containers, Chromium runs only without its sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const context = await chromium.launchPersistentContext(home, {
    executablePath,
    args,
    // The one thing a person does here by hand: accept the certificate that the host made of its own key.
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
  })
  atTheEnd(t, () => context.close())
  const page = context.pages()[0] ?? (await context.newPage())
  page.setDefaultTimeout(60_000)
  const complaints = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  return { page, complaints }
}

async function signInByInvite(page, link, name) {
  await page.goto(link)
  await at(page, 'sign-in-name').fill(name)
  await at(page, 'sign-in-submit').click()
  await at(page, 'composer').waitFor()
}

async function write(page, text) {
  await at(page, 'composer').fill(text)
  await at(page, 'composer').press('Enter')
}

async function wantNoBarriers(page) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)
  assert.deepEqual(told, [])
}

test('a browser signs in by an invite, talks with the command line, and still has it all after a reload', async (t) => {
  const home = folder(t)
  const host = await startHost(path.join(home, 'host'))
  atTheEnd(t, () => host.kill())
  const alice = client(path.join(home, 'alice'))
  await alice.say('join', host.owner_link, '--name', 'Alice')
  const [invite] = await alice.ask('invite', '--json')

  const { page, complaints } = await openBrowser(t, path.join(home, 'browser'))
  await signInByInvite(page, invite.web, 'Bob')
  assert.equal(new URL(page.url()).hash, '', 'the invite does not stay in the address')
  await wantNoBarriers(page)

  await alice.say('post', 'general', 'Good morning Bob, 早安')
  await rowsWith(page, 'Good morning Bob, 早安').waitFor()
  await write(page, 'Good morning Alice 👋')
  await until('the message marked as sent', async () => {
    return (await rowsWith(page, 'Good morning Alice 👋').last().getAttribute('data-delivery')) === 'sent'
  })
  const heard = await until('it at Alice', async () => {
    const events = await alice.ask('history', 'general', '--json')
    return events.filter((event) => JSON.stringify(event).includes('Good morning Alice 👋'))
  })
  assert.equal(heard.length, 1)

  await page.reload()
  await rowsWith(page, 'Good morning Bob, 早安').waitFor()
  await rowsWith(page, 'Good morning Alice 👋').waitFor()
  assert.equal(await rowsWith(page, 'Good morning Alice 👋').count(), 1)
  assert.equal(await at(page, 'sign-in-name').count(), 0, 'nobody has to sign in again')

  await page.screenshot({ path: picture('web.png') })
  await wantNoBarriers(page)
  assert.deepEqual(complaints, [])
})

test('a used invite says so, and what to do', async (t) => {
  const home = folder(t)
  const host = await startHost(path.join(home, 'host'))
  atTheEnd(t, () => host.kill())
  const alice = client(path.join(home, 'alice'))
  await alice.say('join', host.owner_link, '--name', 'Alice')
  const [invite] = await alice.ask('invite', '--uses', '1', '--json')
  const carol = client(path.join(home, 'carol'))
  await carol.say('join', invite.app, '--name', 'Carol')

  const { page } = await openBrowser(t, path.join(home, 'browser'))
  await page.goto(invite.web)
  await at(page, 'sign-in-name').fill('Bob')
  await at(page, 'sign-in-submit').click()
  const alert = page.getByRole('alert')
  await alert.waitFor()
  assert.match(await alert.innerText(), /invite/i)
  assert.equal(await at(page, 'composer').count(), 0)
})

test('a message written while the host is away arrives once, though the page was loaded anew', async (t) => {
  const home = folder(t)
  const place = path.join(home, 'host')
  let host = await startHost(place)
  atTheEnd(t, () => host.kill())
  const alice = client(path.join(home, 'alice'))
  await alice.say('join', host.owner_link, '--name', 'Alice')
  const [invite] = await alice.ask('invite', '--json')
  const { page } = await openBrowser(t, path.join(home, 'browser'))
  // On the host's own machine plain HTTP will do.
  await signInByInvite(page, invite.web.replace('https:', 'http:'), 'Bob')

  await host.kill()
  await write(page, 'Are you there?')
  await until('the message marked as queued', async () => {
    return (await rowsWith(page, 'Are you there?').last().getAttribute('data-delivery')) === 'queued'
  })
  host = await startHost(place, { listen: host.address })
  await page.reload()
  await until('the message marked as sent', async () => {
    return (await rowsWith(page, 'Are you there?').last().getAttribute('data-delivery')) === 'sent'
  })
  const arrived = (await alice.ask('history', 'general', '--json')).filter((event) => {
    return JSON.stringify(event).includes('Are you there?')
  })
  assert.equal(arrived.length, 1)
})
