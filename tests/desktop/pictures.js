// Makes the pictures of docs/screenshots from the real window and real members: `npm run pictures` in this folder's parent.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { client, picture, root, until } from '../stage/programs.js'
import { openWindow } from '../stage/window.js'

process.env.HEARTH_SCREENSHOTS ??= path.join(root, 'docs/screenshots')
const home = mkdtempSync(path.join(tmpdir(), 'hearth-pictures-'))
const window = await openWindow(path.join(home, 'lea'), 'lea')
try {
  await window.at('start-hosting')
  await window.screenshot(picture('first-light.png'))
  await window.fill('first-host-name', 'Atelier Nord')
  await window.fill('first-owner-name', 'Léa Martin')
  await window.press('start-hosting')
  await window.at('composer')

  const join = async (name) => {
    const member = client(path.join(home, name))
    await member.say('join', '127.0.0.1:7717', '--register', '--yes', '--name', name)
    return member
  }
  const tomas = await join('Tomás Rivera')
  const siyuan = await join('陈思远')
  const priya = await join('Priya Nair')
  await tomas.say('post', 'general', 'Morning! The proofs of the spring catalogue are back from the printer.')
  await priya.say('post', 'general', 'Lovely. How is the **red** on page 12?')
  await tomas.say('post', 'general', 'Closer than last time, still a touch too warm. I have asked for:\n\n- 4 % less magenta\n- the *uncoated* profile')
  await siyuan.say('post', 'general', '早上好！样书我下午去取，顺便带回大家的咖啡 ☕')
  await window.wantRow('样书我下午去取')
  await window.write('Thank you 思远. Tomás, can you run the cover once more with `--profile uncoated`?')
  await window.wantRow('run the cover once more')
  const tails = await Promise.all([tomas, siyuan].map((member) => member.begin('tail')))
  await until('two members online', () => {
    return window.browser.execute(() => document.body.textContent.includes('3 online'))
  })
  await window.screenshot(picture('chat-light.png'))
  const theme = (name) => window.browser.execute((name) => { document.documentElement.dataset.theme = name }, name)
  const still = () => window.until('nothing to move', () => {
    return window.browser.execute(() => document.getAnimations().every((animation) => animation.playState !== 'running'))
  })
  await theme('dark')
  await still()
  await window.screenshot(picture('chat-dark.png'))
  await window.press('settings-open')
  await still()
  await window.screenshot(picture('settings-dark.png'))
  await window.browser.keys('Escape')
  await window.browser.setWindowSize(420, 760)
  await window.until('one pane', () => window.browser.execute(() => innerWidth <= 700))
  await window.screenshot(picture('narrow-dark.png'))
  for (const tail of tails) tail()
} finally {
  await window.close()
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
